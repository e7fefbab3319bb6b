import { Text } from '@mantine/core';
import type { Icon } from '../icons';
import type { ReactNode } from 'react';

/** What to show where there is nothing to show: why, and what to do. */
export function Empty({ icon: Glyph, title, children }: { icon: Icon; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Glyph size={30} stroke={1.4} aria-hidden />
      <Text fw={600}>{title}</Text>
      {children && (
        <Text size="sm" c="dimmed" maw={520}>
          {children}
        </Text>
      )}
    </div>
  );
}
