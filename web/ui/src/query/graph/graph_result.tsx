import { Button, Stack } from '@mantine/core';
import { IconChartLine } from '../../icons';
import { useMemo, useState } from 'react';
import type { RangeWindow } from '../../api/endpoints';
import type { MatrixSeries } from '../../api/types';
import { Empty } from '../../feedback/empty';
import { Note } from '../../feedback/notes';
import { seriesText } from '../../labels/format';
import { countOf, formatCount } from '../../numbers/format';
import { Chart } from './chart';
import { chartData } from './chart_data';
import { Legend } from './legend';

/** More lines than this are neither readable nor quick; one may still ask for them, up to a point. */
const drawnAtFirst = 200;
const drawnAtMost = 2000;

interface Props {
  matrix: readonly MatrixSeries[];
  window: RangeWindow;
  stacked: boolean;
  yAxisMin: number | null;
  onZoom: (startMs: number, endMs: number) => void;
}

export function GraphResult({ matrix, window, stacked, yAxisMin, onZoom }: Props) {
  const [limit, setLimit] = useState(drawnAtFirst);
  const [focus, setFocus] = useState<number | null>(null);
  // By name, not position, so that a hidden series stays hidden when the next answer has others around it.
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());

  const floats = useMemo(() => matrix.filter((series) => series.values?.length), [matrix]);
  const data = useMemo(() => chartData(floats.slice(0, limit), window), [floats, window, limit]);
  const names = useMemo(() => data.series.map((series) => seriesText(series.labels)), [data]);
  const shown = useMemo(() => names.map((name) => !hidden.has(name)), [names, hidden]);
  const onlyHistograms = matrix.length - floats.length;

  const show = (next: boolean[]) => setHidden(new Set(names.filter((_, i) => !next[i])));

  if (matrix.length === 0)
    return (
      <Empty icon={IconChartLine} title="Empty result">
        The query is valid, but no series matches it in this time range.
      </Empty>
    );
  return (
    <Stack gap="sm">
      {onlyHistograms > 0 && (
        <Note>
          {countOf(onlyHistograms, 'series holds', 'series hold')} native histograms, which are not drawn. The Table tab
          shows them; histogram_quantile() makes lines of them.
        </Note>
      )}
      {floats.length > data.series.length && (
        <Note>
          {`The first ${formatCount(data.series.length)} of ${formatCount(floats.length)} series are drawn. `}
          {limit < drawnAtMost && (
            <Button size="compact-xs" variant="light" ml="xs" onClick={() => setLimit(drawnAtMost)}>
              {floats.length > drawnAtMost ? `Draw ${formatCount(drawnAtMost)}` : 'Draw all'}
            </Button>
          )}
        </Note>
      )}
      {data.series.length > 0 && (
        <>
          <Chart data={data} shown={shown} stacked={stacked} yAxisMin={yAxisMin} focus={focus} onZoom={onZoom} />
          <Legend series={data.series} shown={shown} onShown={show} onFocus={setFocus} />
        </>
      )}
    </Stack>
  );
}
