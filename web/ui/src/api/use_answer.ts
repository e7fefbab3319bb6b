import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from './client';

const retryMs = 2000;

export interface Loaded<T> {
  /** The newest value; kept while a newer one loads and when that fails. */
  value: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  /** When `value` came, in milliseconds since the epoch; 0 before the first. */
  loadedAt: number;
  reload: () => void;
}

/**
 * Loads whenever `key` changes, and again every `refreshMs` while the page is visible. A null key loads nothing.
 * `load` needs not be stable: the one of the render that changed the key is used.
 */
export function useAnswer<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  refreshMs?: number,
): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, 'reload'>>({
    value: undefined,
    error: undefined,
    loading: key !== null,
    loadedAt: 0,
  });
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  const latestLoad = useRef(load);
  latestLoad.current = load;

  useEffect(() => {
    if (key === null) {
      setState({ value: undefined, error: undefined, loading: false, loadedAt: 0 });
      return;
    }
    const abort = new AbortController();
    setState((old) => ({ ...old, loading: true }));
    latestLoad
      .current(abort.signal)
      .then((value) => {
        if (!abort.signal.aborted) setState({ value, error: undefined, loading: false, loadedAt: Date.now() });
      })
      .catch((problem: unknown) => {
        if (!abort.signal.aborted) setState((old) => ({ ...old, error: asApiError(problem), loading: false }));
      });
    return () => abort.abort();
  }, [key, round]);

  useEffect(() => {
    if (!refreshMs) return;
    const timer = setInterval(() => {
      if (!document.hidden) reload();
    }, refreshMs);
    return () => clearInterval(timer);
  }, [refreshMs, reload]);

  // A starting server is worth asking again soon: nobody wants to reload the page for it.
  useEffect(() => {
    if (state.error?.kind !== 'not_ready' || state.loading) return;
    const timer = setTimeout(reload, retryMs);
    return () => clearTimeout(timer);
  }, [state.error, state.loading, reload]);

  return { ...state, reload };
}

function asApiError(problem: unknown): ApiError {
  if (problem instanceof ApiError) return problem;
  return new ApiError('internal', problem instanceof Error ? problem.message : String(problem));
}
