import { Group } from '@mantine/core';
import { formatCount } from '../numbers/format';

export interface Chip<T extends string> {
  value: T;
  text: string;
  count: number;
  color: string;
}

interface Props<T extends string> {
  label: string;
  chips: readonly Chip<T>[];
  /** The chosen values; none chosen means no filter. */
  chosen: readonly T[];
  onChosen: (chosen: T[]) => void;
}

/** Counts by state that are also the filter by state. */
export function StateChips<T extends string>({ label, chips, chosen, onChosen }: Props<T>) {
  const toggle = (value: T) =>
    onChosen(chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value]);
  return (
    <Group gap={6} role="group" aria-label={label}>
      {chips.map(({ value, text, count, color }) => (
        <button
          key={value}
          type="button"
          className="chip"
          aria-pressed={chosen.includes(value)}
          data-empty={count === 0 || undefined}
          style={{ '--chip-color': `var(--mantine-color-${color}-filled)` } as React.CSSProperties}
          onClick={() => toggle(value)}
        >
          <span className="chip-dot" />
          {text}
          <span className="chip-count">{formatCount(count)}</span>
        </button>
      ))}
    </Group>
  );
}
