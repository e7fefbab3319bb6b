import type { Labels } from '../api/types';
import { isPlainMetricName, ownLabels, quote, writeLabelName } from './format';

/** A series as PromQL writes it, coloured. Its text is that of `seriesText`. */
export function SeriesName({ labels }: { labels: Labels }) {
  const name = labels.__name__ ?? '';
  const plain = isPlainMetricName(name);
  const own = ownLabels(labels);
  const braces = own.length > 0 || !plain;
  return (
    <span className="series-name">
      {plain && <span className="series-metric">{name}</span>}
      {braces && '{'}
      {name && !plain && <span className="series-metric">{quote(name)}</span>}
      {own.map(([label, value], i) => (
        <span key={label}>
          {(i > 0 || (name && !plain)) && ', '}
          <span className="series-label">{writeLabelName(label)}</span>=
          <span className="series-value">{quote(value)}</span>
        </span>
      ))}
      {braces && '}'}
    </span>
  );
}
