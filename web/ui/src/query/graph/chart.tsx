import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import { usePreferences } from '../../settings/preferences';
import { stackRows, type ChartData } from './chart_data';
import { plotOptions } from './plot_options';

const height = 380;

interface Props {
  data: ChartData;
  shown: readonly boolean[];
  stacked: boolean;
  yAxisMin: number | null;
  /** The series to bring out, by its index. */
  focus: number | null;
  onZoom: (startMs: number, endMs: number) => void;
}

/** uPlot in React. It is built anew when what it shows changes, and only resized with the window. */
export function Chart({ data, shown, stacked, yAxisMin, focus, onZoom }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const dark = useComputedColorScheme('light') === 'dark';
  const { zone } = usePreferences();
  const width = useWidth(box);

  useEffect(() => {
    if (!box.current || width === 0) return;
    const rows = data.series.map((series) => series.values);
    const style = {
      dark,
      zone,
      stacked,
      shown,
      yAxisMin,
      onZoom: (start: number, end: number) => zoom.current(start, end),
    };
    const options = plotOptions(data, style, box.current.clientWidth, height);
    const made = new uPlot(options, [data.times, ...(stacked ? stackRows(rows, shown) : rows)], box.current);
    plot.current = made;
    return () => {
      plot.current = null;
      made.destroy();
    };
    // The width only matters for being there at all; a change of it is handled below.
  }, [data, shown, stacked, yAxisMin, dark, zone, width === 0]);

  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width]);

  useEffect(() => {
    plot.current?.setSeries(focus === null ? null : focus + 1, { focus: true });
  }, [focus]);

  return <div ref={box} className="chart" style={{ height }} role="img" aria-label="Graph" />;
}

function useWidth(box: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
  return width;
}
