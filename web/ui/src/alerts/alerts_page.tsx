import { Button, Group, Stack, Switch, Text } from '@mantine/core';
import { IconBellOff } from '../icons';
import { useMemo, useState } from 'react';
import { alertingRules } from '../api/endpoints';
import type { AlertState } from '../api/types';
import { useAnswer } from '../api/use_answer';
import { Empty } from '../feedback/empty';
import { ErrorAlert } from '../feedback/error_alert';
import { LoadingPage } from '../feedback/loading_page';
import { PageHead } from '../feedback/page_head';
import { SearchField } from '../feedback/search_field';
import { StateChips } from '../feedback/state_chips';
import { countOf } from '../numbers/format';
import { GroupCard } from './group_card';
import { alertingGroups, alertStates, countStates, filterGroups, stateColors } from './groups';

const refreshMs = 15_000;

const titles: Record<AlertState, string> = {
  firing: 'Firing',
  pending: 'Pending',
  inactive: 'Inactive',
  unknown: 'Unknown',
};

export function AlertsPage() {
  const loaded = useAnswer('alerts', alertingRules, refreshMs);
  const [states, setStates] = useState<AlertState[]>([]);
  const [search, setSearch] = useState('');
  const [annotations, setAnnotations] = useState(true);

  const data = loaded.value;
  const groups = useMemo(() => alertingGroups(data?.groups ?? []), [data]);
  const shown = useMemo(() => filterGroups(groups, states, search), [groups, states, search]);
  const rules = useMemo(() => groups.flatMap((group) => group.rules), [groups]);
  const counts = countStates(rules);
  const clear = () => {
    setStates([]);
    setSearch('');
  };

  return (
    <Stack gap="md">
      <PageHead title="Alerts" loaded={loaded}>
        {data && (
          <Text size="sm" c="dimmed">
            {countOf(rules.length, 'alerting rule')} in {countOf(groups.length, 'group')}
          </Text>
        )}
      </PageHead>
      {loaded.error && <ErrorAlert error={loaded.error} onRetry={loaded.reload} />}
      {data && (
        <Group gap="sm">
          <SearchField label="Search name, labels or expression" value={search} onChange={setSearch} />
          <StateChips
            label="Filter by state"
            chosen={states}
            onChosen={setStates}
            chips={alertStates.map((state) => ({
              value: state,
              text: titles[state],
              count: counts[state],
              color: stateColors[state],
            }))}
          />
          <Switch
            ml="auto"
            size="sm"
            label="Show annotations"
            checked={annotations}
            onChange={(event) => setAnnotations(event.currentTarget.checked)}
          />
        </Group>
      )}
      {shown.map((group) => (
        <GroupCard key={`${group.file} ${group.name}`} group={group} annotations={annotations} />
      ))}
      {data && groups.length === 0 && (
        <Empty icon={IconBellOff} title="No alerting rules">
          The configuration names no rule_files, or they hold recording rules only.
        </Empty>
      )}
      {groups.length > 0 && shown.length === 0 && (
        <Empty icon={IconBellOff} title="No alerting rule matches the filter">
          <Button mt="sm" variant="light" onClick={clear}>
            Clear the filter
          </Button>
        </Empty>
      )}
      {!data && loaded.loading && <LoadingPage />}
    </Stack>
  );
}
