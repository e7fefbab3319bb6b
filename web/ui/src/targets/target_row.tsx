import { Alert, Anchor, Badge, Table } from '@mantine/core';
import { IconAlertTriangle } from '../icons';
import type { ActiveTarget, TargetHealth } from '../api/types';
import { LabelBadges } from '../labels/label_badges';
import { Ago } from '../time/ago';
import { humanizeDuration } from '../time/duration';
import { parseApiTime } from '../time/instant';

const colors: Record<TargetHealth, string> = { up: 'green', down: 'red', unknown: 'gray' };

export function TargetRow({ target }: { target: ActiveTarget }) {
  const scraped = parseApiTime(target.lastScrape);
  return (
    <>
      <Table.Tr data-health={target.health} className={target.lastError ? 'row-joined' : undefined}>
        <Table.Td>
          <Anchor href={target.globalUrl || target.scrapeUrl} target="_blank" rel="noreferrer" size="sm" className="endpoint">
            {target.scrapeUrl}
          </Anchor>
        </Table.Td>
        <Table.Td>
          <Badge color={colors[target.health]} variant={target.health === 'down' ? 'filled' : 'light'}>
            {target.health.toUpperCase()}
          </Badge>
        </Table.Td>
        <Table.Td>
          <LabelBadges labels={target.labels} />
        </Table.Td>
        <Table.Td className="nowrap">
          <Ago at={scraped} />
        </Table.Td>
        <Table.Td className="nowrap">
          {scraped === null ? '–' : humanizeDuration(target.lastScrapeDuration * 1000)}
        </Table.Td>
        <Table.Td className="nowrap">
          {target.scrapeInterval} / {target.scrapeTimeout}
        </Table.Td>
      </Table.Tr>
      {target.lastError && (
        <Table.Tr className="error-row">
          <Table.Td colSpan={6}>
            <Alert color="red" variant="light" py={6} px="sm" icon={<IconAlertTriangle size={16} />}>
              <span className="message-text">
                <strong>Last scrape failed:</strong> {target.lastError}
              </span>
            </Alert>
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}
