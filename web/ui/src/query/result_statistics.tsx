import { Group, Loader, Text } from '@mantine/core';
import { countOf } from '../numbers/format';
import { formatDuration, humanizeDuration } from '../time/duration';

interface Props {
  loading: boolean;
  elapsedMs?: number;
  seriesCount?: number;
  stepMs?: number;
}

/** One quiet line about the answer: how much, how fine, how fast. */
export function ResultStatistics({ loading, elapsedMs, seriesCount, stepMs }: Props) {
  const facts: string[] = [];
  if (seriesCount !== undefined) facts.push(countOf(seriesCount, 'series', 'series'));
  if (stepMs !== undefined) facts.push(`step ${formatDuration(stepMs)}`);
  if (elapsedMs !== undefined) facts.push(`loaded in ${humanizeDuration(Math.max(1, Math.round(elapsedMs)))}`);
  return (
    <Group gap="xs" wrap="nowrap" ml="auto" role="status" aria-label="Result statistics">
      {loading && <Loader size={14} aria-label="Loading" />}
      <Text size="xs" c="dimmed" className="nowrap">
        {facts.join('  ·  ')}
      </Text>
    </Group>
  );
}
