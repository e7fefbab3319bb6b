import { MantineProvider, localStorageColorSchemeManager, v8CssVariablesResolver } from '@mantine/core';
import { useEffect } from 'react';
import { AlertsPage } from './alerts/alerts_page';
import { ErrorBoundary } from './feedback/error_boundary';
import { Header } from './navigation/header';
import { usePage } from './navigation/location';
import { NotFound } from './navigation/not_found';
import { useSlashFocus } from './navigation/use_slash_focus';
import { QueryPage } from './query/query_page';
import { TargetsPage } from './targets/targets_page';
import { theme } from './theme';

// The key is read by index.html too, before the first paint.
const colorSchemes = localStorageColorSchemeManager({ key: 'narthex-color-scheme' });
const serverTitle = document.title;

const pages: Record<string, { title: string; Page: () => React.ReactNode }> = {
  query: { title: 'Query', Page: QueryPage },
  graph: { title: 'Query', Page: QueryPage },
  alerts: { title: 'Alerts', Page: AlertsPage },
  targets: { title: 'Targets', Page: TargetsPage },
};

export function App() {
  const path = usePage();
  const page = path === '' ? 'query' : path;
  const { title, Page } = pages[page] ?? { title: 'Not found', Page: NotFound };
  useEffect(() => {
    document.title = `${title} · ${serverTitle}`;
  }, [title]);
  useSlashFocus();
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      colorSchemeManager={colorSchemes}
      cssVariablesResolver={v8CssVariablesResolver /* translucent light variants, calmer in the dark */}
    >
      <a href="#main" className="skip-link" onClick={focusMain}>
        Skip to the content
      </a>
      <Header page={page} />
      <main id="main" tabIndex={-1} className="main">
        <ErrorBoundary key={page}>
          <Page />
        </ErrorBoundary>
      </main>
    </MantineProvider>
  );
}

/** With a <base>, `#main` alone would lead to another page. */
function focusMain(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
