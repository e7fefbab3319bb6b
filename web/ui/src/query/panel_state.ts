// What one panel of the query page shows. All of it is in the page's address (url_state.ts).

export type Density = 'low' | 'medium' | 'high';

export type Resolution = { type: 'auto'; density: Density } | { type: 'fixed' | 'custom'; stepMs: number };

export interface PanelState {
  /** The expression as executed; what is being typed lives in the editor. */
  expr: string;
  tab: 'table' | 'graph';
  rangeMs: number;
  /** End of the graph and moment of the table; null is now. */
  endMs: number | null;
  resolution: Resolution;
  stacked: boolean;
  /** The lowest value of the Y axis; null lets the data decide. */
  yAxisMin: number | null;
}

export const defaultPanel: PanelState = {
  expr: '',
  tab: 'table',
  rangeMs: 3_600_000,
  endMs: null,
  resolution: { type: 'auto', density: 'medium' },
  stacked: false,
  yAxisMin: null,
};

const pointsByDensity: Record<Density, number> = { low: 100, medium: 250, high: 750 };

/** Prometheus refuses more points per series than this. */
const maxPoints = 11_000;

/** The step of a range query in whole milliseconds, at least one second when chosen automatically. */
export function stepOf(resolution: Resolution, rangeMs: number): number {
  if (resolution.type !== 'auto') return Math.max(resolution.stepMs, Math.ceil(rangeMs / maxPoints), 1);
  return Math.max(1000, Math.floor(rangeMs / pointsByDensity[resolution.density] / 1000) * 1000);
}
