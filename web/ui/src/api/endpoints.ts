// The endpoints this app calls.
import { call, type Answer } from './client';
import type { MatrixResult, QueryResult, RulesData, TargetsData } from './types';

/** More series than anyone can read would only choke the browser; the server warns when it cuts. */
export const seriesLimit = 10_000;

const seconds = (ms: number): string => String(ms / 1000);

/** Without a time the server takes its own now, which may not be that of this computer. */
export function instantQuery(query: string, timeMs: number | null, signal: AbortSignal): Promise<Answer<QueryResult>> {
  const params: Record<string, string> = { query, limit: String(seriesLimit) };
  if (timeMs !== null) params.time = seconds(timeMs);
  return call('query', { method: 'POST', params, signal });
}

/** Milliseconds, both ends inclusive. */
export interface RangeWindow {
  start: number;
  end: number;
  step: number;
}

export function rangeQuery(query: string, window: RangeWindow, signal: AbortSignal): Promise<Answer<MatrixResult>> {
  const params = {
    query,
    start: seconds(window.start),
    end: seconds(window.end),
    step: seconds(window.step),
    limit: String(seriesLimit),
  };
  return call('query_range', { method: 'POST', params, signal });
}

export async function formatQuery(query: string): Promise<string> {
  return (await call<string>('format_query', { method: 'POST', params: { query } })).data;
}

export async function targets(signal: AbortSignal): Promise<TargetsData> {
  return (await call<TargetsData>('targets', { params: { state: 'active' }, signal })).data;
}

export async function alertingRules(signal: AbortSignal): Promise<RulesData> {
  return (await call<RulesData>('rules', { params: { type: 'alert' }, signal })).data;
}
