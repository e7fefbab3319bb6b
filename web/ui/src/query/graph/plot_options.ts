// How the graph looks: axes with 24 hour clock, thin lines, filled areas when stacked, drag to zoom.
import uPlot from 'uplot';
import { formatTicks } from '../../numbers/format';
import type { Zone } from '../../time/instant';
import type { ChartData } from './chart_data';
import { seriesColor } from './colors';
import { tooltipPlugin } from './tooltip_plugin';

export interface PlotStyle {
  dark: boolean;
  zone: Zone;
  stacked: boolean;
  shown: readonly boolean[];
  yAxisMin: number | null;
  onZoom: (startMs: number, endMs: number) => void;
}

const axisFont = '12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

export function plotOptions(data: ChartData, style: PlotStyle, width: number, height: number): uPlot.Options {
  const { dark, zone } = style;
  // An area says something only when it stands on 0.
  const yAxisMin = style.yAxisMin ?? (style.stacked ? 0 : null);
  const ink = dark ? '#a6adb4' : '#5a646d';
  const lines = dark ? 'rgba(255, 255, 255, 0.09)' : 'rgba(20, 40, 50, 0.09)';
  const line = { stroke: lines, width: 1 };
  const axis = { stroke: ink, font: axisFont, grid: line, ticks: { ...line, size: 5 } };
  const first = data.times[0] ?? 0;
  const last = data.times.at(-1) ?? first;
  return {
    width,
    height,
    padding: [12, 16, 0, 0],
    legend: { show: false },
    tzDate: (seconds) => (zone === 'local' ? new Date(seconds * 1000) : uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC')),
    scales: {
      x: { range: () => (last > first ? [first, last] : [first - 1, first + 1]) },
      y: { range: (_, min, max) => yRange(min, max, yAxisMin) },
    },
    axes: [
      { ...axis, values: timeTicks, space: 70 },
      { ...axis, values: (_, splits, __, ___, step) => formatTicks(splits, step), size: yAxisWidth, space: 36 },
    ],
    series: [{}, ...data.series.map((_, i) => seriesOptions(i, style))],
    bands: style.stacked ? stackBands(style.shown) : [],
    focus: { alpha: 0.3 },
    cursor: {
      y: false,
      focus: { prox: 10_000 },
      points: { one: true, size: 8 },
      drag: { x: true, y: false, setScale: false },
    },
    hooks: { setSelect: [(plot) => zoomToSelection(plot, style.onZoom)] },
    plugins: [tooltipPlugin(data, dark, zone)],
  };
}

/** Columns: distance of the ticks, their text, what to add when the year, month, day, hour, minute changes. */
const timeTicks: uPlot.Axis.Values = [
  [86_400 * 365, '{YYYY}', null, null, null, null, null, null, 1],
  [86_400 * 28, '{MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [86_400, '{MM}-{DD}', '\n{YYYY}', null, null, null, null, null, 1],
  [60, '{HH}:{mm}', '\n{YYYY}-{MM}-{DD}', null, '\n{MM}-{DD}', null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', '\n{YYYY}-{MM}-{DD}', null, '\n{MM}-{DD}', null, null, null, 1],
  [0.001, '{ss}.{fff}', '\n{YYYY}-{MM}-{DD} {HH}:{mm}', null, '\n{MM}-{DD} {HH}:{mm}', null, '\n{HH}:{mm}', null, 1],
];

function yRange(min: number | null, max: number | null, yAxisMin: number | null): uPlot.Range.MinMax {
  if (min === null || max === null) return [yAxisMin ?? 0, (yAxisMin ?? 0) + 1];
  // A flat line is drawn in the middle: 5 between 4 and 6.
  const margin = min === max ? Math.abs(min) * 0.2 || 1 : (max - min) * 0.06;
  const low = min >= 0 && min - margin < 0 ? 0 : min - margin;
  const bottom = yAxisMin ?? low;
  return [bottom, Math.max(max + margin, bottom + Number.EPSILON)];
}

function yAxisWidth(_: uPlot, values: string[] | null): number {
  const longest = Math.max(3, ...(values ?? []).map((text) => text.length));
  return 20 + longest * 7.2;
}

function seriesOptions(index: number, { dark, stacked, shown }: PlotStyle): uPlot.Series {
  const color = seriesColor(index, dark);
  return {
    show: shown[index] ?? true,
    stroke: color,
    width: stacked ? 1 : 1.6,
    fill: stacked ? `${color}66` : undefined,
    points: { size: 5, width: 1, fill: color, filter: isolatedPoints },
  };
}

/** Lines need two samples; one alone between gaps is drawn as a point. */
function isolatedPoints(plot: uPlot, seriesIndex: number, show: boolean): number[] | null {
  if (show) return null;
  const column = plot.data[seriesIndex] ?? [];
  const [from, to] = plot.series[seriesIndex]?.idxs ?? [0, -1];
  const alone: number[] = [];
  for (let i = from; i <= to; i++)
    if (column[i] != null && column[i - 1] == null && column[i + 1] == null) alone.push(i);
  return alone;
}

/** Each shown series is filled down to the one shown before it. */
function stackBands(shown: readonly boolean[]): uPlot.Band[] {
  const visible = shown.flatMap((show, i) => (show ? [i + 1] : []));
  return visible.slice(1).map((upper, i) => ({ series: [upper, visible[i] ?? upper] }));
}

function zoomToSelection(plot: uPlot, onZoom: PlotStyle['onZoom']): void {
  const { left, width } = plot.select;
  if (width < 4) return;
  const start = plot.posToVal(left, 'x') * 1000;
  const end = plot.posToVal(left + width, 'x') * 1000;
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onZoom(start, end);
}
