import { Group, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Loaded } from '../api/use_answer';
import { RefreshStatus } from './refresh_status';

/** A page's title with what goes on its line. */
export function PageHead({ title, loaded, children }: { title: string; loaded: Loaded<unknown>; children?: ReactNode }) {
  return (
    <Group justify="space-between" mih={36}>
      <Group gap="sm">
        <Title order={1} size="h3">
          {title}
        </Title>
        {children}
      </Group>
      <RefreshStatus loaded={loaded} />
    </Group>
  );
}
