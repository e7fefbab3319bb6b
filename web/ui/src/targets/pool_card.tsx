import { Badge, Button, Group, Paper, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { Fold } from '../feedback/fold';
import { countOf, formatCount } from '../numbers/format';
import type { Pool } from './pools';
import { TargetRow } from './target_row';

const rowsAtFirst = 100;

interface Props {
  pool: Pool;
  open: boolean;
  onToggle: () => void;
}

export function PoolCard({ pool, open, onToggle }: Props) {
  const [limit, setLimit] = useState(rowsAtFirst);
  const head = (
    <>
      <Text fw={600} component="span" className="fold-title">
        {pool.name}
      </Text>
      <PoolCounts pool={pool} />
    </>
  );
  return (
    <Paper component="section" withBorder aria-label={`Scrape pool ${pool.name}`} className="card">
      <Fold open={open} onToggle={onToggle} head={head}>
        {pool.targets.length === 0 ? (
          <Text size="sm" c="dimmed" px="md" pb="md">
            No active targets.
          </Text>
        ) : (
          <div className="table-scroll">
            <Table verticalSpacing={8} className="targets-table" aria-label={`Targets of ${pool.name}`}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th w="28%">Endpoint</Table.Th>
                  <Table.Th w={100}>Health</Table.Th>
                  <Table.Th>Labels</Table.Th>
                  <Table.Th w={130}>Last scrape</Table.Th>
                  <Table.Th w={100}>Duration</Table.Th>
                  <Table.Th w={150}>Interval / timeout</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {pool.targets.slice(0, limit).map((target, i) => (
                  <TargetRow key={`${target.scrapeUrl} ${i}`} target={target} />
                ))}
              </Table.Tbody>
            </Table>
          </div>
        )}
        {pool.targets.length > limit && (
          <Group justify="center" p="xs">
            <Button variant="light" size="compact-sm" onClick={() => setLimit(limit + 500)}>
              {`Show more of ${formatCount(pool.targets.length)} targets`}
            </Button>
          </Group>
        )}
      </Fold>
    </Paper>
  );
}

function PoolCounts({ pool: { counts, dropped } }: { pool: Pool }) {
  const total = counts.up + counts.down + counts.unknown;
  return (
    <Group gap={6} component="span" wrap="nowrap">
      {total > 0 && (
        <Badge component="span" variant="light" color={counts.up === total ? 'green' : counts.down > 0 ? 'red' : 'gray'}>
          {formatCount(counts.up)} / {formatCount(total)} up
        </Badge>
      )}
      {counts.down > 0 && (
        <Badge component="span" variant="filled" color="red">
          {formatCount(counts.down)} down
        </Badge>
      )}
      {counts.unknown > 0 && (
        <Badge component="span" variant="light" color="gray">
          {formatCount(counts.unknown)} unknown
        </Badge>
      )}
      {dropped > 0 && (
        <Text component="span" size="xs" c="dimmed" title={`${countOf(dropped, 'target')} dropped by relabeling`}>
          {formatCount(dropped)} dropped
        </Text>
      )}
    </Group>
  );
}
