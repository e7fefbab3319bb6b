import { Tooltip } from '@mantine/core';
import { usePreferences } from '../settings/preferences';
import { humanizeDuration } from './duration';
import { formatInstant } from './instant';
import { useNow } from './use_now';

/** "3.2 s ago"; the tooltip tells the exact time. Null reads "never". */
export function Ago({ at }: { at: number | null }) {
  const now = useNow();
  const { zone } = usePreferences();
  if (at === null) return <span>never</span>;
  const age = Math.max(0, now - at);
  const text = age < 1000 ? 'just now' : `${humanizeDuration(Math.floor(age / 1000) * 1000)} ago`;
  return (
    <Tooltip label={formatInstant(at, zone)}>
      <span className="nowrap">{text}</span>
    </Tooltip>
  );
}
