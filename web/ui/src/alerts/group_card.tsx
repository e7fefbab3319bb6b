import { Badge, Group, Paper, Text } from '@mantine/core';
import type { RuleGroup } from '../api/types';
import { useFolded } from '../feedback/use_folded';
import { formatDuration } from '../time/duration';
import { alertStates, countStates, stateColors } from './groups';
import { RuleItem } from './rule_item';

export function GroupCard({ group, annotations }: { group: RuleGroup; annotations: boolean }) {
  const folds = useFolded();
  const counts = countStates(group.rules);
  return (
    <Paper component="section" withBorder className="card" aria-label={`Rule group ${group.name}`}>
      <Group className="card-head" justify="space-between" gap="xs">
        <Group gap="sm">
          <Text fw={600}>{group.name}</Text>
          <Text size="xs" c="dimmed" className="message-text">
            {group.file} · every {formatDuration(group.interval * 1000)}
          </Text>
        </Group>
        <Group gap={6}>
          {alertStates
            .filter((state) => counts[state] > 0)
            .map((state) => (
              <Badge key={state} variant={state === 'firing' ? 'filled' : 'light'} color={stateColors[state]}>
                {counts[state]} {state}
              </Badge>
            ))}
        </Group>
      </Group>
      {group.rules.map((rule, i) => {
        const id = `${rule.name} ${i}`;
        // What needs attention lies open.
        const open = (rule.state === 'firing' || rule.health === 'err') !== folds.isFlipped(id);
        return <RuleItem key={id} rule={rule} annotations={annotations} open={open} onToggle={() => folds.flip(id)} />;
      })}
    </Paper>
  );
}
