import { Group } from '@mantine/core';
import type { Labels } from '../api/types';

/** Labels as small tags: `job="node"`. */
export function LabelBadges({ labels, skip = [] }: { labels: Labels; skip?: string[] }) {
  const shown = Object.entries(labels).filter(([name]) => !skip.includes(name));
  return (
    <Group gap={4}>
      {shown.map(([name, value]) => (
        <span key={name} className="label-badge">
          <span className="label-badge-name">{name}</span>
          <span className="label-badge-value">{value}</span>
        </span>
      ))}
    </Group>
  );
}
