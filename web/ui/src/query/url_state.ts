// Panels in the page's address, in Prometheus' own parameters (g0.expr, g0.tab, ...),
// so that links and bookmarks made for Prometheus work here and the other way round.
import { formatDuration, parseDuration } from '../time/duration';
import { formatInstant, parseInstant } from '../time/instant';
import { defaultPanel, type Density, type PanelState, type Resolution } from './panel_state';

/** The panels of `?g0.expr=...&g1.expr=...`; each has an expression, and the first without one ends the list. */
export function decodePanels(search: string): PanelState[] {
  const params = new URLSearchParams(search);
  const panels: PanelState[] = [];
  for (let i = 0; params.has(`g${i}.expr`); i++) panels.push(decodePanel((name) => params.get(`g${i}.${name}`)));
  return panels;
}

export function encodePanels(panels: readonly PanelState[]): string {
  const params = new URLSearchParams();
  panels.forEach((panel, i) => {
    for (const [name, value] of encodePanel(panel)) params.append(`g${i}.${name}`, value);
  });
  const text = params.toString();
  return text ? `?${text}` : '';
}

type Read = (name: string) => string | null;

function decodePanel(read: Read): PanelState {
  const time = read('moment_input') ?? read('end_input');
  return {
    expr: read('expr') ?? '',
    tab: decodeTab(read('tab')),
    rangeMs: parseDuration(read('range_input') ?? '') || defaultPanel.rangeMs,
    endMs: time === null ? null : parseInstant(time, 'utc'),
    resolution: decodeResolution(read),
    stacked: decodeStacked(read),
    yAxisMin: decodeNumber(read('y_axis_min')),
  };
}

function decodeTab(tab: string | null): PanelState['tab'] {
  // Numbers are what Prometheus 2 wrote.
  return tab === '0' || tab === 'graph' ? 'graph' : 'table';
}

function decodeStacked(read: Read): boolean {
  const stacked = read('stacked');
  return stacked === null ? read('display_mode') === 'stacked' : stacked === '1';
}

function decodeResolution(read: Read): Resolution {
  const type = read('res_type');
  if (type === 'fixed' || type === 'custom') {
    const stepMs = decodeStep(read('res_step'));
    return stepMs ? { type, stepMs } : defaultPanel.resolution;
  }
  const density = read('res_density');
  if (type === 'auto' && isDensity(density)) return { type, density };
  const legacyMs = decodeStep(read('step_input'));
  return type === null && legacyMs ? { type: 'custom', stepMs: legacyMs } : defaultPanel.resolution;
}

/** Seconds (`15`, `0.5`) or a duration (`1m`). */
function decodeStep(text: string | null): number | null {
  const seconds = decodeNumber(text);
  const ms = seconds === null ? parseDuration(text ?? '') : Math.round(seconds * 1000);
  return ms !== null && ms > 0 ? ms : null;
}

function decodeNumber(text: string | null): number | null {
  if (text === null || text.trim() === '') return null;
  const number = Number(text);
  return Number.isFinite(number) ? number : null;
}

function isDensity(text: string | null): text is Density {
  return text === 'low' || text === 'medium' || text === 'high';
}

function encodePanel(panel: PanelState): [name: string, value: string][] {
  const pairs: [string, string][] = [
    ['expr', panel.expr],
    ['tab', panel.tab],
  ];
  if (panel.endMs !== null) {
    const time = formatInstant(panel.endMs, 'utc');
    pairs.push(['end_input', time], ['moment_input', time]);
  }
  pairs.push(['range_input', formatDuration(panel.rangeMs)], ['res_type', panel.resolution.type]);
  if (panel.resolution.type === 'auto') pairs.push(['res_density', panel.resolution.density]);
  else pairs.push(['res_step', String(panel.resolution.stepMs / 1000)]);
  // Prometheus 2 reads `stacked`, Prometheus 3 both.
  pairs.push(['display_mode', panel.stacked ? 'stacked' : 'lines'], ['stacked', panel.stacked ? '1' : '0']);
  if (panel.yAxisMin !== null) pairs.push(['y_axis_min', String(panel.yAxisMin)]);
  return pairs;
}
