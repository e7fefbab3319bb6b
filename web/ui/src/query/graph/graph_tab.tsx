import { Group, SegmentedControl, Stack, Switch } from '@mantine/core';
import { rangeQuery, type RangeWindow } from '../../api/endpoints';
import { useAnswer } from '../../api/use_answer';
import { ErrorAlert } from '../../feedback/error_alert';
import { AnswerNotes } from '../../feedback/notes';
import { stepOf, type PanelState } from '../panel_state';
import { ResultStatistics } from '../result_statistics';
import { NoQuery, retryFor } from '../table/table_tab';
import { TimeInput } from '../time_input';
import { GraphResult } from './graph_result';
import { RangeInput } from './range_input';
import { ResolutionInput } from './resolution_input';

interface Props {
  panel: PanelState;
  /** Changes when the query is to be asked again. */
  run: number;
  onChange: (change: Partial<PanelState>) => void;
}

/** The range query: each series over time. */
export function GraphTab({ panel, run, onChange }: Props) {
  const { expr, rangeMs, endMs, resolution } = panel;
  const step = stepOf(resolution, rangeMs);
  const key = expr === '' ? null : JSON.stringify([expr, rangeMs, endMs, step, run]);
  const loaded = useAnswer(key, async (signal) => {
    const window = windowOf(endMs ?? Date.now(), rangeMs, step);
    return { window, answer: await rangeQuery(expr, window, signal) };
  });
  const result = loaded.error ? undefined : loaded.value;

  return (
    <Stack gap="sm">
      <Group gap="sm">
        <RangeInput value={rangeMs} onChange={(ms) => onChange({ rangeMs: ms })} />
        <TimeInput
          label="End time"
          placeholder="End time: now"
          value={endMs}
          stride={rangeMs / 2}
          onChange={(time) => onChange({ endMs: time })}
        />
        <ResolutionInput value={resolution} rangeMs={rangeMs} onChange={(r) => onChange({ resolution: r })} />
        <SegmentedControl
          aria-label="Display"
          size="xs"
          value={panel.stacked ? 'stacked' : 'lines'}
          onChange={(value) => onChange({ stacked: value === 'stacked' })}
          data={[
            { value: 'lines', label: 'Lines' },
            { value: 'stacked', label: 'Stacked' },
          ]}
        />
        <Switch
          size="xs"
          label="Y from 0"
          checked={panel.stacked || panel.yAxisMin === 0}
          disabled={panel.stacked}
          onChange={(event) => onChange({ yAxisMin: event.currentTarget.checked ? 0 : null })}
        />
        <ResultStatistics
          loading={loaded.loading}
          elapsedMs={result?.answer.elapsedMs}
          seriesCount={result?.answer.data.result.length}
          stepMs={result?.window.step}
        />
      </Group>
      {loaded.error && <ErrorAlert error={loaded.error} onRetry={retryFor(loaded.error.kind, loaded.reload)} />}
      {result && <AnswerNotes warnings={result.answer.warnings} infos={result.answer.infos} />}
      {result && (
        <div className={loaded.loading ? 'stale' : undefined}>
          <GraphResult
            matrix={result.answer.data.result}
            window={result.window}
            stacked={panel.stacked}
            yAxisMin={panel.yAxisMin}
            onZoom={(start, end) => onChange(zoomed(start, end))}
          />
        </div>
      )}
      {!result && loaded.loading && <div className="chart-placeholder" aria-hidden />}
      {expr === '' && <NoQuery />}
    </Stack>
  );
}

function windowOf(end: number, rangeMs: number, step: number): RangeWindow {
  return { start: end - rangeMs, end, step };
}

/** Whole seconds, as the address keeps them, and never shorter than ten of them. */
function zoomed(startMs: number, endMs: number): Partial<PanelState> {
  const rangeMs = Math.max(10_000, Math.round((endMs - startMs) / 1000) * 1000);
  return { rangeMs, endMs: Math.round(endMs / 1000) * 1000 };
}
