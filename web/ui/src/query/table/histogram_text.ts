import type { HistogramBucket, NativeHistogram } from '../../api/types';

/** A native histogram in Prometheus' notation: `{count:3, sum:5.5, (0,1]:2, (1,2]:1}`. */
export function histogramText(histogram: NativeHistogram): string {
  const buckets = (histogram.buckets ?? []).map((bucket) => `${bucketRange(bucket)}:${bucket[3]}`);
  return `{${[`count:${histogram.count}`, `sum:${histogram.sum}`, ...buckets].join(', ')}}`;
}

export function bucketRange([rule, lower, upper]: HistogramBucket): string {
  const open = rule === 1 || rule === 3 ? '[' : '(';
  const close = rule === 0 || rule === 3 ? ']' : ')';
  return `${open}${lower},${upper}${close}`;
}
