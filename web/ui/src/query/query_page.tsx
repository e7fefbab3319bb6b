import { Button, Stack } from '@mantine/core';
import { IconPlus } from '../icons';
import { ErrorBoundary } from '../feedback/error_boundary';
import { QueryPanel } from './query_panel';
import { usePanels } from './use_panels';

export function QueryPage() {
  const { panels, change, add, remove, duplicate } = usePanels();
  return (
    <Stack gap="md">
      {panels.map((panel, i) => (
        <ErrorBoundary key={panel.id}>
          <QueryPanel
            panel={panel}
            number={i + 1}
            onChange={(state) => change(panel.id, state)}
            onRemove={() => remove(panel.id)}
            onDuplicate={(expr) => duplicate(panel.id, expr)}
          />
        </ErrorBoundary>
      ))}
      <Button variant="default" leftSection={<IconPlus size={16} />} onClick={add} className="add-panel">
        Add panel
      </Button>
    </Stack>
  );
}
