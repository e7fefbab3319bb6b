import { describe, expect, test } from 'vitest';
import { countOf, formatTicks, formatValue } from '../../src/numbers/format';

describe('ticks of an axis', () => {
  test.each([
    [[0, 0.25, 0.5], 0.25, ['0', '0.25', '0.50']],
    [[0, 500_000, 1_000_000, 1_500_000], 500_000, ['0', '0.5M', '1.0M', '1.5M']],
    [[1000, 1050, 1100], 50, ['1.00k', '1.05k', '1.10k']],
    [[-200, 0, 200], 200, ['-200', '0', '200']],
    [[0, 2e9, 4e9], 2e9, ['0', '2G', '4G']],
    [[0, 1e-9, 2e-9], 1e-9, ['0', '1e-9', '2e-9']],
    [[1e30], 1e29, ['1e+30']],
  ])('%j', (ticks, step, want) => expect(formatTicks(ticks, step)).toEqual(want));
});

describe('values', () => {
  test.each([
    [0, '0'],
    [1, '1'],
    [12345.678, '12,345.7'],
    [1234567.8, '1,234,568'],
    [0.1 + 0.2, '0.3'],
    [0.000123456789, '0.000123457'],
    [1.2e-7, '1.2e-7'],
    [-2.5e20, '-2.5e+20'],
    [100, '100'],
    [Number.NaN, 'NaN'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
  ])('%d', (value, text) => expect(formatValue(value)).toBe(text));

  test('counts agree with their noun', () => {
    expect(countOf(1, 'target')).toBe('1 target');
    expect(countOf(12_345, 'target')).toBe('12,345 targets');
    expect(countOf(2, 'series', 'series')).toBe('2 series');
  });
});
