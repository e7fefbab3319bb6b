import { ActionIcon, CloseButton, Group, TextInput, Tooltip } from '@mantine/core';
import { IconChevronLeft, IconChevronRight } from '../icons';
import { useEffect, useState } from 'react';
import { usePreferences } from '../settings/preferences';
import { formatInstant, parseInstant } from '../time/instant';

interface Props {
  label: string;
  /** Shown for null, which is the time of execution. */
  placeholder: string;
  value: number | null;
  /** How far Earlier and Later go, in milliseconds. */
  stride: number;
  onChange: (value: number | null) => void;
}

/** A time typed as text, or moved by half a range; empty is now. */
export function TimeInput({ label, placeholder, value, stride, onChange }: Props) {
  const { zone } = usePreferences();
  const shown = value === null ? '' : formatInstant(value, zone);
  const [text, setText] = useState(shown);
  useEffect(() => setText(shown), [shown]);

  const parsed = text.trim() === '' ? null : parseInstant(text, zone);
  const wrong = text.trim() !== '' && parsed === null;
  const commit = () => {
    if (!wrong && text !== shown) onChange(parsed);
  };
  const move = (by: number) => onChange(Math.round(((value ?? Date.now()) + by) / 1000) * 1000);

  return (
    <Group gap={0} wrap="nowrap" className="joined">
      <Tooltip label="Earlier">
        <ActionIcon variant="default" size={30} aria-label={`${label}: earlier`} onClick={() => move(-stride)}>
          <IconChevronLeft size={16} />
        </ActionIcon>
      </Tooltip>
      <TextInput
        aria-label={label}
        size="xs"
        w={186}
        placeholder={placeholder}
        value={text}
        error={wrong}
        title={wrong ? 'Write it as 2026-01-31 08:05:09' : `${label} (${zone === 'utc' ? 'UTC' : 'local time'})`}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === 'Enter') commit();
          if (event.key === 'Escape') setText(shown);
        }}
        rightSection={
          value !== null ? <CloseButton size="xs" aria-label={`${label}: now`} onClick={() => onChange(null)} /> : null
        }
      />
      <Tooltip label="Later">
        <ActionIcon variant="default" size={30} aria-label={`${label}: later`} onClick={() => move(stride)}>
          <IconChevronRight size={16} />
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}
