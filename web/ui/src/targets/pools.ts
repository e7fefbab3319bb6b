// Targets grouped by the scrape pool (the job of the configuration) they belong to.
import type { ActiveTarget, TargetHealth, TargetsData } from '../api/types';
import { matchesSearch } from '../feedback/search_field';

export type HealthCounts = Record<TargetHealth, number>;

export interface Pool {
  name: string;
  targets: ActiveTarget[];
  /** Of all its targets, filtered or not. */
  counts: HealthCounts;
  dropped: number;
}

export interface TargetFilter {
  pool: string | null;
  health: readonly TargetHealth[];
  search: string;
}

export function countHealth(targets: readonly ActiveTarget[]): HealthCounts {
  const counts: HealthCounts = { up: 0, down: 0, unknown: 0 };
  for (const target of targets) counts[target.health]++;
  return counts;
}

/** All pools by name, those without an active target included. */
export function poolsOf(data: TargetsData): Pool[] {
  const dropped = data.droppedTargetCounts ?? {};
  const byPool = new Map<string, ActiveTarget[]>(Object.keys(dropped).map((name) => [name, []]));
  for (const target of data.activeTargets) {
    const members = byPool.get(target.scrapePool);
    if (members) members.push(target);
    else byPool.set(target.scrapePool, [target]);
  }
  return [...byPool]
    .map(([name, targets]) => ({ name, targets, counts: countHealth(targets), dropped: dropped[name] ?? 0 }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** The pools with only the targets that pass; a pool that loses all of them is left out. */
export function filterPools(pools: readonly Pool[], { pool, health, search }: TargetFilter): Pool[] {
  const filtering = health.length > 0 || search.trim() !== '';
  return pools
    .filter(({ name }) => pool === null || name === pool)
    .map((one) => ({
      ...one,
      targets: one.targets.filter(
        (target) => (health.length === 0 || health.includes(target.health)) && matchesSearch(search, searchText(target)),
      ),
    }))
    .filter(({ targets }) => !filtering || targets.length > 0);
}

function searchText(target: ActiveTarget): string {
  const labels = Object.entries(target.labels).map(([name, value]) => `${name}="${value}" ${name}=${value}`);
  return [target.scrapePool, target.scrapeUrl, target.lastError, ...labels].join(' ');
}
