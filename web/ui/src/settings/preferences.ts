// What a person has chosen for this browser, kept between visits.
import { useSyncExternalStore } from 'react';
import type { Zone } from '../time/instant';
import { readStored, writeStored } from './storage';

export interface Preferences {
  zone: Zone;
}

const key = 'narthex-preferences';
const listeners = new Set<() => void>();
let current: Preferences = load();

function load(): Preferences {
  try {
    const stored: unknown = JSON.parse(readStored(key) ?? '{}');
    const local = typeof stored === 'object' && stored !== null && 'zone' in stored && stored.zone === 'local';
    return { zone: local ? 'local' : 'utc' };
  } catch {
    return { zone: 'utc' };
  }
}

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  writeStored(key, JSON.stringify(current));
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, () => current);
}
