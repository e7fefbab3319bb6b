import { ActionIcon, Alert, Menu, Popover, Tooltip, createTheme, type MantineColorsTuple } from '@mantine/core';

/** The green of fennel, in which the fire was carried. */
const fennel: MantineColorsTuple = [
  '#e9f8f5', '#d3eee8', '#a5ddd1', '#73cbb9', '#4bbba4', '#2fab93', '#1b9a83', '#0f7f6c', '#0b6a5a', '#06564a',
];

/** Mantine's dark greys, cooled towards the green. 7 is the ground of cards, 6 that of fields. */
const dark: MantineColorsTuple = [
  '#d3dadc', '#b8c1c4', '#8b969b', '#6a757a', '#3b4549', '#323b3f', '#262d30', '#1b2023', '#15191b', '#101314',
];

const mono =
  'ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "Cascadia Mono", "DejaVu Sans Mono", monospace';

export const theme = createTheme({
  primaryColor: 'fennel',
  colors: { fennel, dark },
  primaryShade: 7,
  defaultRadius: 'md',
  cursorType: 'pointer',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif',
  fontFamilyMonospace: mono,
  headings: { fontWeight: '650' },
  components: {
    ActionIcon: ActionIcon.extend({ defaultProps: { radius: 'md' } }),
    Alert: Alert.extend({ defaultProps: { radius: 'md' } }),
    Menu: Menu.extend({ defaultProps: { shadow: 'md' } }),
    Popover: Popover.extend({ defaultProps: { shadow: 'md' } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 350, withArrow: true } }),
  },
});
