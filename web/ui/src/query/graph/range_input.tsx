import { ActionIcon, Group, Menu, TextInput, Tooltip } from '@mantine/core';
import { IconChevronDown, IconMinus, IconPlus } from '../../icons';
import { useEffect, useState } from 'react';
import { formatDuration, parseDuration } from '../../time/duration';

const presets = ['5m', '15m', '1h', '3h', '6h', '12h', '1d', '2d', '1w', '2w'];
const ladder = ['1m', ...presets, '4w', '8w', '1y', '2y'].map((text) => parseDuration(text) ?? 0);

interface Props {
  value: number;
  onChange: (rangeMs: number) => void;
}

/** The length of the graph: typed, chosen, or one step shorter or longer. */
export function RangeInput({ value, onChange }: Props) {
  const shown = formatDuration(value);
  const [text, setText] = useState(shown);
  useEffect(() => setText(shown), [shown]);
  const parsed = parseDuration(text);
  const wrong = parsed === null || parsed < 1000;
  const commit = () => {
    if (wrong) setText(shown);
    else if (parsed !== value) onChange(parsed);
  };
  const shorter = ladder.filter((ms) => ms < value).at(-1);
  const longer = ladder.find((ms) => ms > value);

  return (
    <Group gap={0} wrap="nowrap" className="joined">
      <Tooltip label="Shorter range">
        <ActionIcon
          variant="default"
          size={30}
          aria-label="Shorter range"
          disabled={shorter === undefined}
          onClick={() => shorter !== undefined && onChange(shorter)}
        >
          <IconMinus size={15} />
        </ActionIcon>
      </Tooltip>
      <TextInput
        aria-label="Range"
        size="xs"
        w={92}
        value={text}
        error={wrong}
        title={wrong ? 'Write a duration such as 1h30m' : 'Range of the graph'}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === 'Enter') commit();
          if (event.key === 'Escape') setText(shown);
        }}
        rightSection={<PresetMenu current={shown} onPick={(preset) => onChange(parseDuration(preset) ?? value)} />}
      />
      <Tooltip label="Longer range">
        <ActionIcon
          variant="default"
          size={30}
          aria-label="Longer range"
          disabled={longer === undefined}
          onClick={() => longer !== undefined && onChange(longer)}
        >
          <IconPlus size={15} />
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}

function PresetMenu({ current, onPick }: { current: string; onPick: (preset: string) => void }) {
  return (
    <Menu position="bottom-end" width={92}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label="Choose a range">
          <IconChevronDown size={14} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {presets.map((preset) => (
          <Menu.Item key={preset} py={4} fw={preset === current ? 700 : undefined} onClick={() => onPick(preset)}>
            {preset}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
