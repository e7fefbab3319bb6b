import { Badge, Table } from '@mantine/core';
import { Fragment } from 'react';
import type { Alert } from '../api/types';
import { LabelBadges } from '../labels/label_badges';
import { usePreferences } from '../settings/preferences';
import { Ago } from '../time/ago';
import { formatInstant, parseApiTime } from '../time/instant';
import { Annotations } from './annotations';
import { stateColors } from './groups';

/** The alerts a rule has raised: one per series its expression returned. */
export function ActiveAlerts({ alerts, annotations }: { alerts: readonly Alert[]; annotations: boolean }) {
  const { zone } = usePreferences();
  return (
    <div className="table-frame">
      <Table verticalSpacing={6} aria-label="Active alerts">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Labels</Table.Th>
            <Table.Th w={110}>State</Table.Th>
            <Table.Th w={250}>Active since</Table.Th>
            <Table.Th w={120} ta="right">
              Value
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {alerts.map((alert, i) => {
            const since = parseApiTime(alert.activeAt);
            const annotated = annotations && Object.keys(alert.annotations ?? {}).length > 0;
            return (
              <Fragment key={i}>
                <Table.Tr className={annotated ? 'row-joined' : undefined}>
                  <Table.Td>
                    <LabelBadges labels={alert.labels} skip={['alertname']} />
                  </Table.Td>
                  <Table.Td>
                    <Badge color={stateColors[alert.state]} variant={alert.state === 'firing' ? 'filled' : 'light'}>
                      {alert.state}
                    </Badge>
                  </Table.Td>
                  <Table.Td className="nowrap">
                    {since === null ? '–' : formatInstant(since, zone)}{' '}
                    <span className="dimmed">
                      (<Ago at={since} />)
                    </span>
                  </Table.Td>
                  <Table.Td className="value-cell">{formatAlertValue(alert.value)}</Table.Td>
                </Table.Tr>
                {annotated && (
                  <Table.Tr>
                    <Table.Td colSpan={4} pt={0}>
                      <Annotations annotations={alert.annotations} />
                    </Table.Td>
                  </Table.Tr>
                )}
              </Fragment>
            );
          })}
        </Table.Tbody>
      </Table>
    </div>
  );
}

/** The API writes `1e+00`; people read `1`. */
function formatAlertValue(text: string): string {
  const value = Number(text);
  return Number.isFinite(value) ? String(value) : text;
}
