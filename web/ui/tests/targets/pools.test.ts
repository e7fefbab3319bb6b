import { expect, test } from 'vitest';
import type { ActiveTarget, TargetHealth } from '../../src/api/types';
import { filterPools, poolsOf } from '../../src/targets/pools';

function target(scrapePool: string, health: TargetHealth, lastError = ''): ActiveTarget {
  return {
    discoveredLabels: {},
    labels: { job: scrapePool, instance: `${scrapePool}:9100` },
    scrapePool,
    scrapeUrl: `http://${scrapePool}:9100/metrics`,
    globalUrl: '',
    lastError,
    lastScrape: '',
    lastScrapeDuration: 0,
    health,
    scrapeInterval: '15s',
    scrapeTimeout: '10s',
  };
}

const pools = poolsOf({
  activeTargets: [target('b', 'up'), target('a', 'down', 'connection refused'), target('a', 'up')],
  droppedTargets: [],
  droppedTargetCounts: { a: 1, c: 4 },
});
const shown = (filter: Partial<Parameters<typeof filterPools>[1]>) =>
  filterPools(pools, { pool: null, health: [], search: '', ...filter }).map((pool) => [pool.name, pool.targets.length]);

test('pools are sorted and counted, empty ones with dropped targets included', () => {
  expect(pools.map(({ name, counts, dropped }) => [name, counts.up, counts.down, dropped])).toEqual([
    ['a', 1, 1, 1],
    ['b', 1, 0, 0],
    ['c', 0, 0, 4],
  ]);
});

test('pools are filtered by name, health and words', () => {
  expect(shown({})).toEqual([['a', 2], ['b', 1], ['c', 0]]);
  expect(shown({ pool: 'b' })).toEqual([['b', 1]]);
  expect(shown({ health: ['down'] })).toEqual([['a', 1]]);
  expect(shown({ search: 'REFUSED connection' })).toEqual([['a', 1]]);
  expect(shown({ search: 'job="b"' })).toEqual([['b', 1]]);
});
