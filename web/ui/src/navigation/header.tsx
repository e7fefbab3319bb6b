import { Group } from '@mantine/core';
import { IconBell, IconChartLine, IconTarget, type Icon } from '../icons';
import { rememberedSearch } from './location';
import { PageLink } from './page_link';
import { ThemeSwitch } from './theme_switch';
import { ZoneSwitch } from './zone_switch';

const links: readonly { page: string; text: string; icon: Icon }[] = [
  { page: 'query', text: 'Query', icon: IconChartLine },
  { page: 'alerts', text: 'Alerts', icon: IconBell },
  { page: 'targets', text: 'Targets', icon: IconTarget },
];

export function Header({ page }: { page: string }) {
  return (
    <header className="header">
      <div className="header-inner">
        <PageLink page="query" className="brand" title="Narthex: query page">
          <Logo />
          <span>Narthex</span>
        </PageLink>
        <nav aria-label="Pages" className="header-links">
          {links.map((link) => (
            <PageLink
              key={link.page}
              page={link.page}
              search={link.page === 'query' ? rememberedSearch('query') : ''}
              current={page === link.page}
              className="header-link"
            >
              <link.icon size={16} aria-hidden />
              <span>{link.text}</span>
            </PageLink>
          ))}
        </nav>
        <Group gap="xs" wrap="nowrap" ml="auto">
          <ZoneSwitch />
          <ThemeSwitch />
        </Group>
      </div>
    </header>
  );
}

/** The favicon's drawing: a fennel stalk that carries a flame. */
function Logo() {
  return <img src="./favicon.svg" width={26} height={26} alt="" />;
}
