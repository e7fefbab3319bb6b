// The box beside the cursor: time, value and labels of the nearest series.
import type uPlot from 'uplot';
import { ownLabels } from '../../labels/format';
import { formatValue } from '../../numbers/format';
import { formatInstant, type Zone } from '../../time/instant';
import type { ChartData } from './chart_data';
import { seriesColor } from './colors';

const gap = 14;

export function tooltipPlugin(data: ChartData, dark: boolean, zone: Zone): uPlot.Plugin {
  const box = element('div', 'chart-tooltip');
  let focused: number | null = null;

  const hide = () => {
    box.style.display = 'none';
  };

  const show = (plot: uPlot) => {
    const { left = -1, top = -1, idx } = plot.cursor;
    const series = focused === null ? undefined : data.series[focused - 1];
    const value = idx == null ? undefined : series?.values[idx];
    const time = idx == null ? undefined : data.times[idx];
    if (left < 0 || focused === null || !series || value == null || time === undefined) return hide();

    const head = element('div', 'chart-tooltip-time', formatInstant(time * 1000, zone));
    const line = element('div', 'chart-tooltip-value');
    const swatch = element('span', 'swatch');
    swatch.style.background = seriesColor(focused - 1, dark);
    line.append(swatch, element('strong', '', formatValue(value)), element('span', '', series.labels.__name__ ?? ''));
    const labels = ownLabels(series.labels).map(([name, text]) => {
      const row = element('div', 'chart-tooltip-label');
      row.append(element('span', '', `${name}: `), text);
      return row;
    });
    box.replaceChildren(head, line, ...labels);
    place(plot, left, top);
  };

  const place = (plot: uPlot, left: number, top: number) => {
    box.style.display = 'block';
    const room = plot.over.getBoundingClientRect();
    const toTheRight = left + gap + box.offsetWidth <= room.width;
    const x = toTheRight ? left + gap : Math.max(0, left - gap - box.offsetWidth);
    const y = Math.max(0, Math.min(top + gap, room.height - box.offsetHeight));
    box.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  };

  return {
    hooks: {
      init: (plot) => {
        plot.over.append(box);
        plot.over.addEventListener('mouseleave', hide);
      },
      setSeries: (_, index, options) => {
        if ('focus' in options && options.focus !== undefined) focused = index;
      },
      setCursor: show,
    },
  };
}

function element(tag: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
