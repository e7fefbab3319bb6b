import { Group, Stack } from '@mantine/core';
import { IconDatabaseOff, IconTerminal2 } from '../../icons';
import { instantQuery } from '../../api/endpoints';
import type { QueryResult } from '../../api/types';
import { useAnswer } from '../../api/use_answer';
import { Empty } from '../../feedback/empty';
import { ErrorAlert } from '../../feedback/error_alert';
import { AnswerNotes } from '../../feedback/notes';
import type { PanelState } from '../panel_state';
import { ResultStatistics } from '../result_statistics';
import { TimeInput } from '../time_input';
import { ResultTable } from './result_table';

interface Props {
  panel: PanelState;
  /** Changes when the query is to be asked again. */
  run: number;
  onChange: (change: Partial<PanelState>) => void;
}

/** The instant query: the value of each series at one moment. */
export function TableTab({ panel, run, onChange }: Props) {
  const { expr, endMs } = panel;
  const key = expr === '' ? null : JSON.stringify([expr, endMs, run]);
  const loaded = useAnswer(key, (signal) => instantQuery(expr, endMs, signal));
  const answer = loaded.error ? undefined : loaded.value;
  return (
    <Stack gap="sm">
      <Group gap="sm">
        <TimeInput
          label="Evaluation time"
          placeholder="Evaluation time: now"
          value={endMs}
          stride={panel.rangeMs / 2}
          onChange={(time) => onChange({ endMs: time })}
        />
        <ResultStatistics
          loading={loaded.loading}
          elapsedMs={answer?.elapsedMs}
          seriesCount={answer && countSeries(answer.data)}
        />
      </Group>
      {loaded.error && <ErrorAlert error={loaded.error} onRetry={retryFor(loaded.error.kind, loaded.reload)} />}
      {answer && <AnswerNotes warnings={answer.warnings} infos={answer.infos} />}
      {answer && <div className={loaded.loading ? 'stale' : undefined}>{content(answer.data)}</div>}
      {expr === '' && <NoQuery />}
    </Stack>
  );
}

function content(result: QueryResult) {
  if (countSeries(result) !== 0) return <ResultTable result={result} />;
  return (
    <Empty icon={IconDatabaseOff} title="Empty result">
      The query is valid, but no series matches it at this time.
    </Empty>
  );
}

function countSeries(result: QueryResult): number | undefined {
  return result.resultType === 'vector' || result.resultType === 'matrix' ? result.result.length : undefined;
}

/** Asking again helps when the way to the server failed, not when the query is wrong. */
export function retryFor(kind: string, reload: () => void): (() => void) | undefined {
  return kind === 'bad_data' || kind === 'execution' ? undefined : reload;
}

export function NoQuery() {
  return (
    <Empty icon={IconTerminal2} title="No query yet">
      Enter a PromQL expression above and press Enter. Names and functions are completed while you type; Shift+Enter
      begins a new line.
    </Empty>
  );
}
