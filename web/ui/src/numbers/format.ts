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
];

/**
 * The ticks of one axis, all in the same unit and with as many places as tell neighbours apart:
 * `0`, `0.25`, `0.50` or `0.5M`, `1.0M`, `1.5M`. `step` is the distance of two ticks.
 */
export function formatTicks(ticks: readonly number[], step: number): string[] {
  const largest = Math.max(0, ...ticks.map(Math.abs));
  const [factor, letter] = prefixes.find(([size]) => largest >= size) ?? [1, ''];
  const enough = Math.max(0, Math.ceil(-Math.log10(step / factor) - 1e-9) + 1);
  if (largest >= 1e27 || enough > 7)
    return ticks.map((tick) => (tick === 0 ? '0' : tick.toExponential(3).replace(/\.?0+e/, 'e')));
  const texts = ticks.map((tick) => (tick / factor).toFixed(enough));
  const places = Math.max(0, ...texts.map((text) => trimZeros(text).split('.')[1]?.length ?? 0));
  return ticks.map((tick) => (tick === 0 ? '0' : (tick / factor).toFixed(places) + letter));
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
