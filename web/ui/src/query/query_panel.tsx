import { Paper, Tabs } from '@mantine/core';
import { IconChartLine, IconTable } from '../icons';
import { useEffect, useState } from 'react';
import { ErrorBoundary } from '../feedback/error_boundary';
import { ExpressionBar } from './editor/expression_bar';
import { GraphTab } from './graph/graph_tab';
import type { PanelState } from './panel_state';
import { rememberQuery } from './query_history';
import { TableTab } from './table/table_tab';

interface Props {
  panel: PanelState;
  number: number;
  onChange: (change: Partial<PanelState>) => void;
  onRemove: () => void;
  onDuplicate: (expr: string) => void;
}

/** An expression and its result, as a table or a graph. */
export function QueryPanel({ panel, number, onChange, onRemove, onDuplicate }: Props) {
  const [draft, setDraft] = useState(panel.expr);
  // Counts executions, so that the same expression asked again is asked again.
  const [run, setRun] = useState(0);
  useEffect(() => setDraft(panel.expr), [panel.expr]);

  const execute = (expr: string) => {
    const text = expr.trim();
    rememberQuery(text);
    setDraft(text);
    setRun((n) => n + 1);
    onChange({ expr: text });
  };

  return (
    <Paper component="section" withBorder className="panel" aria-label={`Query panel ${number}`}>
      <ExpressionBar
        value={draft}
        onType={setDraft}
        onExecute={execute}
        onDuplicate={() => onDuplicate(draft)}
        onRemove={onRemove}
      />
      <Tabs
        value={panel.tab}
        onChange={(tab) => onChange({ tab: tab === 'graph' ? 'graph' : 'table' })}
        keepMounted={false}
      >
        <Tabs.List>
          <Tabs.Tab value="table" leftSection={<IconTable size={16} />}>
            Table
          </Tabs.Tab>
          <Tabs.Tab value="graph" leftSection={<IconChartLine size={16} />}>
            Graph
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="table" pt="sm">
          <ErrorBoundary>
            <TableTab panel={panel} run={run} onChange={onChange} />
          </ErrorBoundary>
        </Tabs.Panel>
        <Tabs.Panel value="graph" pt="sm">
          <ErrorBoundary>
            <GraphTab panel={panel} run={run} onChange={onChange} />
          </ErrorBoundary>
        </Tabs.Panel>
      </Tabs>
    </Paper>
  );
}
