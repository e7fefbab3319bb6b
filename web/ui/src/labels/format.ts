import type { Labels } from '../api/types';

const legacyName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

export function isPlainMetricName(name: string): boolean {
  return legacyName.test(name);
}

/** A label's name as PromQL wants it: quoted where it is not a plain word. */
export function writeLabelName(name: string): string {
  return labelName.test(name) ? name : quote(name);
}

/** The labels but the metric's name. */
export function ownLabels(labels: Labels): [name: string, value: string][] {
  return Object.entries(labels).filter(([name]) => name !== '__name__');
}

/** `up{job="node"}`: a selector that finds the series again. */
export function seriesText(labels: Labels): string {
  const name = labels.__name__ ?? '';
  const plain = isPlainMetricName(name);
  const parts = ownLabels(labels).map(([label, value]) => `${writeLabelName(label)}=${quote(value)}`);
  if (name && !plain) parts.unshift(quote(name));
  if (parts.length === 0) return plain ? name : '{}';
  return `${plain ? name : ''}{${parts.join(', ')}}`;
}
