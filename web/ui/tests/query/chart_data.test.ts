import { expect, test } from 'vitest';
import { chartData, stackRows } from '../../src/query/graph/chart_data';

const window = { start: 1_000_250, end: 1_004_250, step: 1000 };

test('samples find their step, and what is missing or not finite is a gap', () => {
  const data = chartData([{ metric: {}, values: [[1000.25, '1'], [1002.25, 'NaN'], [1004.25, '3']] }], window);
  expect(data.times).toEqual([1000.25, 1001.25, 1002.25, 1003.25, 1004.25]);
  expect(data.series[0]).toMatchObject({ values: [1, null, null, null, 3], min: 1, max: 3, last: 3 });
});

test('samples outside the window are left out', () => {
  const data = chartData([{ metric: {}, values: [[1, '1'], [2000, '2']] }], window);
  expect(data.series[0]).toMatchObject({ values: [null, null, null, null, null], min: null, last: null });
});

test('stacking adds what is shown and counts gaps as nothing', () => {
  expect(stackRows([[1, 2], [10, null], [100, 100]], [true, true, true])).toEqual([[1, 2], [11, 2], [111, 102]]);
  expect(stackRows([[1, 2], [10, 10], [100, 100]], [true, false, true])).toEqual([[1, 2], [null, null], [101, 102]]);
});
