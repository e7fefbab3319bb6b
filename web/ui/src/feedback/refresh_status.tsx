import { ActionIcon, Group, Text, Tooltip } from '@mantine/core';
import { IconRefresh } from '../icons';
import type { Loaded } from '../api/use_answer';
import { Ago } from '../time/ago';

/** "Updated 3 s ago", with a button to do it now. */
export function RefreshStatus({ loaded }: { loaded: Loaded<unknown> }) {
  return (
    <Group gap={6} wrap="nowrap">
      {loaded.loadedAt > 0 && (
        <Text size="xs" c="dimmed" component="span">
          Updated <Ago at={loaded.loadedAt} />
        </Text>
      )}
      <Tooltip label="Refresh now (every 15 s by itself)">
        <ActionIcon variant="subtle" color="gray" aria-label="Refresh" onClick={loaded.reload}>
          <IconRefresh size={16} className={loaded.loading ? 'spinning' : undefined} />
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}
