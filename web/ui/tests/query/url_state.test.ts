import { describe, expect, test } from 'vitest';
import { defaultPanel, stepOf, type PanelState } from '../../src/query/panel_state';
import { decodePanels, encodePanels } from '../../src/query/url_state';

const one = (search: string): PanelState => {
  const [panel] = decodePanels(search);
  if (!panel) throw new Error('no panel');
  return panel;
};

describe('panels in the address', () => {
  test('survive the round trip', () => {
    const panels: PanelState[] = [
      { ...defaultPanel, expr: 'rate(x{a="b&c+d"}[5m])', tab: 'graph', rangeMs: 5_400_000, stacked: true },
      {
        expr: 'up',
        tab: 'table',
        rangeMs: 60_000,
        endMs: Date.UTC(2026, 0, 31, 8, 5, 9),
        resolution: { type: 'custom', stepMs: 1500 },
        stacked: false,
        yAxisMin: 0,
      },
      defaultPanel,
    ];
    expect(decodePanels(encodePanels(panels))).toEqual(panels);
  });

  test('of Prometheus 2 are understood', () => {
    const panel = one('?g0.expr=up&g0.tab=0&g0.stacked=1&g0.range_input=2h&g0.end_input=2026-01-31%2008%3A05&g0.step_input=30');
    expect(panel).toEqual({
      expr: 'up',
      tab: 'graph',
      rangeMs: 7_200_000,
      endMs: Date.UTC(2026, 0, 31, 8, 5),
      resolution: { type: 'custom', stepMs: 30_000 },
      stacked: true,
      yAxisMin: null,
    });
  });

  test('of Prometheus 3 are understood', () => {
    const panel = one(
      '?g0.expr=up&g0.show_tree=0&g0.tab=graph&g0.range_input=1w&g0.res_type=fixed&g0.res_step=60&g0.display_mode=stacked&g0.y_axis_min=-2.5&g0.show_exemplars=0',
    );
    expect(panel.resolution).toEqual({ type: 'fixed', stepMs: 60_000 });
    expect(panel).toMatchObject({ tab: 'graph', rangeMs: 604_800_000, stacked: true, yAxisMin: -2.5 });
  });

  test('with nonsense fall back to the defaults', () => {
    const panel = one('?g0.expr=up&g0.tab=9&g0.range_input=soon&g0.end_input=x&g0.res_type=fixed&g0.res_step=-1&g0.y_axis_min=q');
    expect(panel).toEqual({ ...defaultPanel, expr: 'up' });
  });

  test('end at the first number without an expression', () => {
    expect(decodePanels('?g0.expr=a&g1.expr=b&g3.expr=d').map((panel) => panel.expr)).toEqual(['a', 'b']);
    expect(decodePanels('')).toEqual([]);
  });
});

describe('the step of a graph', () => {
  test('is a whole number of seconds when automatic', () => {
    expect(stepOf({ type: 'auto', density: 'medium' }, 3_600_000)).toBe(14_000);
    expect(stepOf({ type: 'auto', density: 'high' }, 60_000)).toBe(1000);
  });

  test('never asks for more points than the server gives', () => {
    const rangeMs = 86_400_000;
    expect(rangeMs / stepOf({ type: 'fixed', stepMs: 1000 }, rangeMs)).toBeLessThanOrEqual(11_000);
    expect(stepOf({ type: 'fixed', stepMs: 60_000 }, rangeMs)).toBe(60_000);
  });
});
