// The expressions executed in this browser, newest first, each once.
import { readStored, writeStored } from '../settings/storage';

const key = 'narthex-query-history';
const limit = 200;

export function queryHistory(): string[] {
  try {
    const stored: unknown = JSON.parse(readStored(key) ?? '[]');
    return Array.isArray(stored) ? stored.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}

export function rememberQuery(expr: string): void {
  const text = expr.trim();
  if (text === '') return;
  writeStored(key, JSON.stringify([text, ...queryHistory().filter((old) => old !== text)].slice(0, limit)));
}

export function forgetQueries(): void {
  writeStored(key, '[]');
}
