// From the API's matrix to columns: one value per step and series, null where a series has none.
import type { RangeWindow } from '../../api/endpoints';
import type { Labels, MatrixSeries } from '../../api/types';

export type Values = (number | null)[];

export interface ChartSeries {
  labels: Labels;
  values: Values;
  min: number | null;
  max: number | null;
  last: number | null;
}

export interface ChartData {
  /** Seconds since the epoch, one per step. */
  times: number[];
  series: ChartSeries[];
}

export function chartData(matrix: readonly MatrixSeries[], { start, end, step }: RangeWindow): ChartData {
  const count = Math.floor((end - start) / step) + 1;
  const times = Array.from({ length: count }, (_, i) => (start + i * step) / 1000);
  return { times, series: matrix.map((series) => chartSeries(series, start, step, count)) };
}

function chartSeries({ metric, values = [] }: MatrixSeries, start: number, step: number, count: number): ChartSeries {
  const column: Values = new Array<number | null>(count).fill(null);
  let min: number | null = null;
  let max: number | null = null;
  let last: number | null = null;
  for (const [time, text] of values) {
    const value = Number(text); // 'NaN', '+Inf' and '-Inf' become NaN: a gap, since they have no place on an axis
    const i = Math.round((time * 1000 - start) / step);
    if (!Number.isFinite(value) || i < 0 || i >= count) continue;
    column[i] = value;
    if (min === null || value < min) min = value;
    if (max === null || value > max) max = value;
    last = value;
  }
  return { labels: metric, values: column, min, max, last };
}

/** Each row on top of those before it that are shown; hidden rows become empty. A gap counts as 0. */
export function stackRows(rows: readonly Values[], shown: readonly boolean[]): Values[] {
  const total: number[] = new Array<number>(rows[0]?.length ?? 0).fill(0);
  return rows.map((row, i) => {
    if (!shown[i]) return row.map(() => null);
    return row.map((value, j) => {
      const sum = (total[j] ?? 0) + (value ?? 0);
      total[j] = sum;
      return sum;
    });
  });
}
