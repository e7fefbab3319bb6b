import { useComputedColorScheme } from '@mantine/core';
import type { MouseEvent } from 'react';
import { SeriesName } from '../../labels/series_name';
import { formatValue } from '../../numbers/format';
import type { ChartSeries } from './chart_data';
import { seriesColor } from './colors';

interface Props {
  series: readonly ChartSeries[];
  shown: readonly boolean[];
  onShown: (shown: boolean[]) => void;
  onFocus: (index: number | null) => void;
}

/** The drawn series. A click hides or shows one; a click with Ctrl shows it alone, and again all. */
export function Legend({ series, shown, onShown, onFocus }: Props) {
  const dark = useComputedColorScheme('light') === 'dark';
  const click = (event: MouseEvent, index: number) => {
    const alone = event.ctrlKey || event.metaKey;
    onShown(alone ? showOnly(shown, index) : shown.map((show, i) => (i === index ? !show : show)));
  };
  return (
    <div className="legend">
      <div className="legend-head" aria-hidden>
        <span className="legend-hint">Click a series to hide or show it, Ctrl-click to show it alone</span>
        <span>Min</span>
        <span>Max</span>
        <span>Last</span>
      </div>
      <ul aria-label="Legend">
        {series.map((one, i) => (
          <li key={i}>
            <button
              type="button"
              className="legend-row"
              aria-pressed={shown[i] ?? true}
              onClick={(event) => click(event, i)}
              onMouseEnter={() => onFocus(shown[i] ? i : null)}
              onMouseLeave={() => onFocus(null)}
            >
              <span className="swatch" style={{ background: seriesColor(i, dark) }} />
              <SeriesName labels={one.labels} />
              <Statistic value={one.min} />
              <Statistic value={one.max} />
              <Statistic value={one.last} />
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Statistic({ value }: { value: number | null }) {
  return <span className="legend-number">{value === null ? '–' : formatValue(value)}</span>;
}

function showOnly(shown: readonly boolean[], index: number): boolean[] {
  const already = shown.every((show, i) => show === (i === index));
  return shown.map((_, i) => already || i === index);
}
