// Durations as PromQL writes them: `1h30m`, units from large to small, each at most once.

const units: readonly [name: string, ms: number][] = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

const pattern = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** `1h30m` in milliseconds; null for anything else. `0` is a duration, empty text is not. */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim();
  if (trimmed === '0') return 0;
  const match = pattern.exec(trimmed);
  if (!match || trimmed === '') return null;
  return units.reduce((sum, [, ms], i) => sum + Number(match[i + 1] ?? 0) * ms, 0);
}

/** The shortest such text; weeks and years only where they say it all: `1w`, but `8d`. */
export function formatDuration(ms: number): string {
  let rest = Math.round(Math.abs(ms));
  if (rest === 0) return '0s';
  let text = ms < 0 ? '-' : '';
  for (const [name, size] of units) {
    if ((name === 'y' || name === 'w') && rest % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${name}`;
    rest -= count * size;
  }
  return text;
}

/** For reading, two units at most: `12.3 ms`, `4.2 s`, `3m 20s`, `2d 4h`. */
export function humanizeDuration(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  const abs = Math.abs(ms);
  if (abs < 1) return `${Number(ms.toFixed(2))} ms`;
  if (abs < 1000) return `${Number(ms.toPrecision(3))} ms`;
  if (abs < 60_000) return `${Number((ms / 1000).toPrecision(3))} s`;
  const whole = formatDuration(Math.round(ms / 1000) * 1000);
  return (whole.match(/\d+[a-z]+/g) ?? []).slice(0, 2).join(' ');
}
