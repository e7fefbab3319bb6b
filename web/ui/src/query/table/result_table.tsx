import { Button, Group, Table, Text } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { QueryResult } from '../../api/types';
import { SeriesName } from '../../labels/series_name';
import { formatCount } from '../../numbers/format';
import { usePreferences } from '../../settings/preferences';
import { tableRows } from './rows';

const pageSize = 500;

export function ResultTable({ result }: { result: QueryResult }) {
  const { zone } = usePreferences();
  const rows = useMemo(() => tableRows(result, zone), [result, zone]);
  const [limit, setLimit] = useState(pageSize);
  return (
    <>
      <div className="table-frame">
        <Table highlightOnHover verticalSpacing={6} aria-label="Query result">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{result.resultType === 'scalar' || result.resultType === 'string' ? 'Type' : 'Series'}</Table.Th>
              <Table.Th ta="right">Value</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.slice(0, limit).map((row, i) => (
              <Table.Tr key={i}>
                <Table.Td>{row.labels ? <SeriesName labels={row.labels} /> : result.resultType}</Table.Td>
                <Table.Td className="value-cell">
                  {row.values.map((value, j) => (
                    <div key={j}>{value}</div>
                  ))}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
      {rows.length > limit && (
        <Group gap="sm" justify="center">
          <Text size="sm" c="dimmed">
            {`The first ${formatCount(limit)} of ${formatCount(rows.length)} rows are shown.`}
          </Text>
          <Button size="compact-sm" variant="light" onClick={() => setLimit(limit * 4)}>
            Show more
          </Button>
        </Group>
      )}
    </>
  );
}
