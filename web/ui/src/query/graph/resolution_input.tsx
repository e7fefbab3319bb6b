import { Group, Select, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { formatDuration, parseDuration } from '../../time/duration';
import { stepOf, type Resolution } from '../panel_state';

const fixedSteps = ['5s', '10s', '15s', '30s', '1m', '5m', '15m', '1h'];

interface Props {
  value: Resolution;
  rangeMs: number;
  onChange: (resolution: Resolution) => void;
}

/** How fine the graph is: by density, by one of the usual steps, or by a step of one's own. */
export function ResolutionInput({ value, rangeMs, onChange }: Props) {
  const options = [
    {
      group: 'Automatic',
      items: [
        { value: 'low', label: 'Low res.' },
        { value: 'medium', label: 'Medium res.' },
        { value: 'high', label: 'High res.' },
      ],
    },
    { group: 'Fixed step', items: fixedSteps.map((step) => ({ value: step, label: step })) },
    { group: 'Other', items: [{ value: 'custom', label: 'Custom step' }] },
  ];
  return (
    <Group gap="xs" wrap="nowrap">
      <Select
        aria-label="Resolution"
        size="xs"
        w={124}
        data={options}
        value={optionOf(value)}
        allowDeselect={false}
        maxDropdownHeight={340}
        onChange={(option) => onChange(resolutionOf(option, stepOf(value, rangeMs)))}
      />
      {value.type === 'custom' && (
        <StepInput stepMs={value.stepMs} onChange={(stepMs) => onChange({ type: 'custom', stepMs })} />
      )}
    </Group>
  );
}

function StepInput({ stepMs, onChange }: { stepMs: number; onChange: (stepMs: number) => void }) {
  const shown = formatDuration(stepMs);
  const [text, setText] = useState(shown);
  useEffect(() => setText(shown), [shown]);
  const parsed = parseDuration(text);
  const commit = () => {
    if (parsed && parsed !== stepMs) onChange(parsed);
    else setText(shown);
  };
  return (
    <TextInput
      aria-label="Step"
      size="xs"
      w={72}
      value={text}
      error={!parsed}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
    />
  );
}

function optionOf(resolution: Resolution): string {
  if (resolution.type === 'auto') return resolution.density;
  const step = formatDuration(resolution.stepMs);
  return resolution.type === 'fixed' && fixedSteps.includes(step) ? step : 'custom';
}

function resolutionOf(option: string | null, currentStepMs: number): Resolution {
  if (option === 'low' || option === 'medium' || option === 'high') return { type: 'auto', density: option };
  if (option === null || option === 'custom') return { type: 'custom', stepMs: currentStepMs };
  return { type: 'fixed', stepMs: parseDuration(option) ?? currentStepMs };
}
