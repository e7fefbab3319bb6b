import { SegmentedControl } from '@mantine/core';
import { setPreferences, usePreferences } from '../settings/preferences';

/** Times in UTC, as servers log them, or in this browser's zone. */
export function ZoneSwitch() {
  const { zone } = usePreferences();
  return (
    <SegmentedControl
      aria-label="Time zone"
      size="xs"
      value={zone}
      onChange={(value) => setPreferences({ zone: value === 'local' ? 'local' : 'utc' })}
      data={[
        { value: 'utc', label: 'UTC' },
        { value: 'local', label: 'Local' },
      ]}
    />
  );
}
