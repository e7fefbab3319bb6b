import { expect, test } from 'vitest';
import { tableRows } from '../../src/query/table/rows';

test('a vector shows floats as they came and native histograms as text', () => {
  const rows = tableRows(
    {
      resultType: 'vector',
      result: [
        { metric: { job: 'a' }, value: [1, '1e-07'] },
        {
          metric: { job: 'b' },
          histogram: [1, { count: '3', sum: '5.5', buckets: [[0, '0', '1', '2'], [3, '-0.1', '0.1', '1']] }],
        },
      ],
    },
    'utc',
  );
  expect(rows.map((row) => row.values)).toEqual([['1e-07'], ['{count:3, sum:5.5, (0,1]:2, [-0.1,0.1]:1}']]);
});

test('a matrix shows floats and histograms in order of time', () => {
  const [row] = tableRows(
    {
      resultType: 'matrix',
      result: [{ metric: {}, values: [[0, '1'], [2.5, '3']], histograms: [[1, { count: '1', sum: '2' }]] }],
    },
    'utc',
  );
  expect(row?.values).toEqual([
    '1 @ 1970-01-01 00:00:00',
    '{count:1, sum:2} @ 1970-01-01 00:00:01',
    '3 @ 1970-01-01 00:00:02.500',
  ]);
});

test('a scalar has no labels', () => {
  expect(tableRows({ resultType: 'scalar', result: [1, 'NaN'] }, 'utc')).toEqual([{ labels: null, values: ['NaN'] }]);
});
