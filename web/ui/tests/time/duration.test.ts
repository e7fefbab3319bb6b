import { describe, expect, test } from 'vitest';
import { formatDuration, humanizeDuration, parseDuration } from '../../src/time/duration';

describe('durations', () => {
  test.each([
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1d', 86_400_000],
    ['2w', 1_209_600_000],
    ['1y', 31_536_000_000],
    ['1w2d3h4m5s6ms', 788_645_006],
    [' 15s ', 15_000],
    ['0', 0],
  ])('%s is read', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(['', '5', '30m1h', '1h 30m', '1.5h', '-5m', 'm', '1M', '5mm'])('%j is refused', (text) =>
    expect(parseDuration(text)).toBeNull(),
  );

  test.each([
    [5_400_000, '1h30m'],
    [604_800_000, '1w'],
    [691_200_000, '8d'],
    [31_536_000_000, '1y'],
    [1500, '1s500ms'],
    [0, '0s'],
    [-60_000, '-1m'],
  ])('%d ms is written', (ms, text) => expect(formatDuration(ms)).toBe(text));

  test('what is written is read back', () => {
    for (const ms of [1, 999, 60_001, 3_599_999, 90_061_000, 86_400_000 * 400])
      expect(parseDuration(formatDuration(ms))).toBe(ms);
  });

  test.each([
    [0.42, '0.42 ms'],
    [12.345, '12.3 ms'],
    [4210, '4.21 s'],
    [200_000, '3m 20s'],
    [187_200_000, '2d 4h'],
    [Number.NaN, '–'],
  ])('%d ms reads %s', (ms, text) => expect(humanizeDuration(ms)).toBe(text));
});
