// What the table shows of each kind of result.
import type { Labels, MatrixSeries, QueryResult } from '../../api/types';
import { formatInstant, type Zone } from '../../time/instant';
import { histogramText } from './histogram_text';

export interface Row {
  /** Null for scalars and strings, which have no labels. */
  labels: Labels | null;
  /** One line per sample, oldest first. */
  values: string[];
}

export function tableRows(result: QueryResult, zone: Zone): Row[] {
  switch (result.resultType) {
    case 'scalar':
    case 'string':
      return [{ labels: null, values: [result.result[1]] }];
    case 'vector':
      return result.result.map(({ metric, value, histogram }) => ({
        labels: metric,
        values: [value ? value[1] : histogram ? histogramText(histogram[1]) : ''],
      }));
    case 'matrix':
      return result.result.map((series) => ({ labels: series.metric, values: samples(series, zone) }));
  }
}

function samples({ values = [], histograms = [] }: MatrixSeries, zone: Zone): string[] {
  const all: [time: number, text: string][] = [
    ...values,
    ...histograms.map(([time, histogram]): [number, string] => [time, histogramText(histogram)]),
  ];
  return all.sort((a, b) => a[0] - b[0]).map(([time, text]) => `${text} @ ${formatSampleTime(time, zone)}`);
}

function formatSampleTime(seconds: number, zone: Zone): string {
  const ms = Math.round(seconds * 1000);
  const fraction = ((ms % 1000) + 1000) % 1000;
  return formatInstant(ms, zone) + (fraction ? `.${String(fraction).padStart(3, '0')}` : '');
}
