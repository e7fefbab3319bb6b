import { Group, Loader, Text } from '@mantine/core';

export function LoadingPage() {
  return (
    <Group justify="center" gap="sm" py={60} role="status">
      <Loader size="sm" aria-hidden />
      <Text c="dimmed">Loading…</Text>
    </Group>
  );
}
