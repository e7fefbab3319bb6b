// Numbers for reading. Tables show the server's own text instead, which loses no digit.

const prefixes: readonly [factor: number, letter: string][] = [
  [1e24, 'Y'],
  [1e21, 'Z'],
  [1e18, 'E'],
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
  [1, ''],
  [1e-3, 'm'],
  [1e-6, 'µ'],
  [1e-9, 'n'],
];

/** For axes: `1.5k`, `250m`, `0`. `step` is the distance of the ticks, so that neighbours differ. */
export function formatTick(value: number, step = 0): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const abs = Math.abs(value);
  const [factor, letter] = prefixes.find(([f]) => abs >= f * 0.9999999) ?? [0, ''];
  if (factor === 0 || abs >= 1e27) return value.toExponential(2);
  const digits = step > 0 ? Math.ceil(-Math.log10(step / factor) - 1e-9) : 2;
  const places = Math.min(6, Math.max(0, digits));
  return trimZeros((value / factor).toFixed(step > 0 ? Math.min(6, places + 1) : places)) + letter;
}

/** For legends and tooltips: six significant digits, `12,345.7`, `1.2e-7`. */
export function formatValue(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const abs = Math.abs(value);
  if (abs !== 0 && (abs < 1e-4 || abs >= 1e15)) return value.toExponential(3).replace(/\.?0+e/, 'e');
  const places = abs >= 1e6 ? 0 : Math.max(0, 5 - Math.floor(Math.log10(abs || 1)));
  const [whole = '', fraction] = trimZeros(value.toFixed(Math.min(9, places))).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction ? `${grouped}.${fraction}` : grouped;
}

/** `1,234` */
export function formatCount(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 series`, `3 targets`: the plural adds an s unless given. */
export function countOf(n: number, one: string, many = `${one}s`): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`;
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
