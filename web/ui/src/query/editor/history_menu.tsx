import { ActionIcon, Button, Popover, Stack, Text, TextInput, Tooltip, UnstyledButton } from '@mantine/core';
import { IconHistory, IconSearch } from '../../icons';
import { useState } from 'react';
import { Expression } from '../../promql/expression';
import { forgetQueries, queryHistory } from '../query_history';

/** The expressions executed before; picking one executes it again. */
export function HistoryMenu({ onPick }: { onPick: (expr: string) => void }) {
  const [opened, setOpened] = useState(false);
  const [entries, setEntries] = useState<string[]>([]);
  const [search, setSearch] = useState('');

  const toggle = () => {
    setEntries(queryHistory());
    setSearch('');
    setOpened(!opened);
  };
  const pick = (expr: string) => {
    setOpened(false);
    onPick(expr);
  };
  const forget = () => {
    forgetQueries();
    setEntries([]);
  };
  const found = entries.filter((expr) => expr.toLowerCase().includes(search.toLowerCase()));

  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" width={520} shadow="md" trapFocus>
      <Popover.Target>
        <Tooltip label="Query history" disabled={opened}>
          <ActionIcon variant="subtle" color="gray" aria-label="Query history" onClick={toggle}>
            <IconHistory size={17} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown p="xs">
        <Stack gap="xs">
          <TextInput
            aria-label="Search the history"
            placeholder="Search the history"
            leftSection={<IconSearch size={15} />}
            size="xs"
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
            data-autofocus
          />
          <div className="history-list">
            {found.map((expr) => (
              <UnstyledButton key={expr} className="history-entry" onClick={() => pick(expr)}>
                <Expression text={expr} />
              </UnstyledButton>
            ))}
            {found.length === 0 && (
              <Text size="sm" c="dimmed" ta="center" py="sm">
                {entries.length === 0 ? 'Nothing executed yet in this browser.' : 'No such expression.'}
              </Text>
            )}
          </div>
          {entries.length > 0 && (
            <Button variant="subtle" color="gray" size="compact-xs" onClick={forget}>
              Clear the history
            </Button>
          )}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
