import { Button, Group, Select, Stack, Text } from '@mantine/core';
import { IconTargetOff } from '../icons';
import { useMemo, useState } from 'react';
import { targets } from '../api/endpoints';
import type { TargetHealth } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { Empty } from '../feedback/empty';
import { ErrorAlert } from '../feedback/error_alert';
import { LoadingPage } from '../feedback/loading_page';
import { PageHead } from '../feedback/page_head';
import { SearchField } from '../feedback/search_field';
import { StateChips } from '../feedback/state_chips';
import { useFolded } from '../feedback/use_folded';
import { countOf } from '../numbers/format';
import { PoolCard } from './pool_card';
import { countHealth, filterPools, poolsOf } from './pools';

const refreshMs = 15_000;

export function TargetsPage() {
  const loaded = useAnswer('targets', targets, refreshMs);
  const [pool, setPool] = useState<string | null>(null);
  const [health, setHealth] = useState<TargetHealth[]>([]);
  const [search, setSearch] = useState('');
  const folds = useFolded();

  const data = loaded.value;
  const pools = useMemo(() => (data ? poolsOf(data) : []), [data]);
  const shown = useMemo(() => filterPools(pools, { pool, health, search }), [pools, pool, health, search]);
  const counts = useMemo(() => countHealth(data?.activeTargets ?? []), [data]);
  const dropped = pools.reduce((sum, one) => sum + one.dropped, 0);
  const clear = () => {
    setPool(null);
    setHealth([]);
    setSearch('');
  };

  return (
    <Stack gap="md">
      <PageHead title="Targets" loaded={loaded}>
        {data && (
          <Text size="sm" c="dimmed">
            {countOf(data.activeTargets.length, 'target')} in {countOf(pools.length, 'pool')}
            {dropped > 0 && `, ${countOf(dropped, 'target')} dropped by relabeling`}
          </Text>
        )}
      </PageHead>
      {loaded.error && <ErrorAlert error={loaded.error} onRetry={loaded.reload} />}
      {data && (
        <Group gap="sm">
          <Select
            aria-label="Scrape pool"
            placeholder="All scrape pools"
            searchable
            clearable
            data={pools.map(({ name }) => name)}
            value={pool}
            onChange={setPool}
            w={220}
          />
          <SearchField label="Search URL, labels or error" value={search} onChange={setSearch} />
          <StateChips
            label="Filter by health"
            chosen={health}
            onChosen={setHealth}
            chips={[
              { value: 'up', text: 'Up', count: counts.up, color: 'green' },
              { value: 'down', text: 'Down', count: counts.down, color: 'red' },
              { value: 'unknown', text: 'Unknown', count: counts.unknown, color: 'gray' },
            ]}
          />
        </Group>
      )}
      {shown.map((one) => (
        <PoolCard key={one.name} pool={one} open={!folds.isFlipped(one.name)} onToggle={() => folds.flip(one.name)} />
      ))}
      {data && pools.length === 0 && (
        <Empty icon={IconTargetOff} title="No targets">
          The configuration has no scrape_configs, or their service discovery has found nothing yet.
        </Empty>
      )}
      {pools.length > 0 && shown.length === 0 && (
        <Empty icon={IconTargetOff} title="No target matches the filter">
          <Button mt="sm" variant="light" onClick={clear}>
            Clear the filter
          </Button>
        </Empty>
      )}
      {!data && loaded.loading && <LoadingPage />}
    </Stack>
  );
}
