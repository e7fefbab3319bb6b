// The address bar as a store. Pages are named by what follows the base path: `query`, `targets`, `alerts`.
import { useSyncExternalStore } from 'react';
import { basePath } from '../api/base_path';

const listeners = new Set<() => void>();
// Where one left each page, so that a link back to the query page finds its panels again.
const lastSearch = new Map<string, string>();

function notify(): void {
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('popstate', listener);
  };
}

export function currentPage(): string {
  const path = window.location.pathname;
  const base = basePath();
  return path.startsWith(base) ? path.slice(base.length).replace(/\/$/, '') : path;
}

export function usePage(): string {
  return useSyncExternalStore(subscribe, currentPage);
}

export function useSearch(): string {
  return useSyncExternalStore(subscribe, () => window.location.search);
}

export function addressOf(page: string, search = ''): string {
  return basePath() + page + search;
}

export function rememberedSearch(page: string): string {
  return lastSearch.get(page) ?? '';
}

/** Goes to an address of this app without loading it anew. The same address again adds no history entry. */
export function navigate(page: string, search = '', replace = false): void {
  const address = addressOf(page, search);
  lastSearch.set(page, search);
  if (address === window.location.pathname + window.location.search) return;
  window.history[replace ? 'replaceState' : 'pushState'](null, '', address);
  notify();
}
