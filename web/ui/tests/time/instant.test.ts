import { describe, expect, test } from 'vitest';
import { formatInstant, parseApiTime, parseInstant } from '../../src/time/instant';

const ms = Date.UTC(2026, 0, 31, 8, 5, 9);

describe('points in time', () => {
  test('are written with a 24 hour clock', () => {
    expect(formatInstant(ms, 'utc')).toBe('2026-01-31 08:05:09');
    expect(formatInstant(Date.UTC(2026, 11, 1, 23, 0, 0), 'utc')).toBe('2026-12-01 23:00:00');
  });

  test('are read back in the same zone', () => {
    for (const zone of ['utc', 'local'] as const) expect(parseInstant(formatInstant(ms, zone), zone)).toBe(ms);
  });

  test.each([
    ['2026-01-31 08:05:09', ms],
    ['2026-01-31T08:05:09Z', ms],
    ['2026-01-31T10:05:09+02:00', ms],
    ['2026-01-31 08:05', ms - 9000],
    ['2026-01-31', Date.UTC(2026, 0, 31)],
    [String(ms / 1000), ms],
  ])('%s is read', (text, want) => expect(parseInstant(text, 'utc')).toBe(want));

  test.each(['', 'now', '2026-13-01', '2026-01-31 25:00', '31.01.2026', '2026-01-31 8'])('%j is refused', (text) =>
    expect(parseInstant(text, 'utc')).toBeNull(),
  );

  test('of the API may say never', () => {
    expect(parseApiTime('0001-01-01T00:00:00Z')).toBeNull();
    expect(parseApiTime(undefined)).toBeNull();
    expect(parseApiTime('2026-01-31T08:05:09.000000001Z')).toBe(ms);
  });
});
