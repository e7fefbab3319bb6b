import { ActionIcon, Alert, Button, Group, Menu, Stack, Tooltip } from '@mantine/core';
import { IconCopy, IconDotsVertical, IconIndentIncrease, IconPlayerPlay, IconTrash } from '../../icons';
import { useState } from 'react';
import { formatQuery } from '../../api/endpoints';
import { HistoryMenu } from './history_menu';
import { PromqlField } from './promql_field';

interface Props {
  value: string;
  onType: (text: string) => void;
  onExecute: (text: string) => void;
  onDuplicate: () => void;
  onRemove: () => void;
}

/** The field with its buttons: format, history, panel menu, Execute. */
export function ExpressionBar({ value, onType, onExecute, onDuplicate, onRemove }: Props) {
  const [problem, setProblem] = useState<string>();
  const [formatting, setFormatting] = useState(false);

  const format = async () => {
    setFormatting(true);
    try {
      onType(await formatQuery(value));
      setProblem(undefined);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setFormatting(false);
    }
  };

  const type = (text: string) => {
    setProblem(undefined);
    onType(text);
  };

  return (
    <Stack gap="xs" mb="xs">
      <Group gap="xs" align="flex-start" wrap="nowrap">
        <div className="expression-box">
          <PromqlField value={value} onType={type} onExecute={onExecute} />
          <Group gap={2} wrap="nowrap" className="expression-tools">
            <Tooltip label="Format the expression">
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label="Format the expression"
                disabled={value.trim() === ''}
                loading={formatting}
                onClick={() => void format()}
              >
                <IconIndentIncrease size={17} />
              </ActionIcon>
            </Tooltip>
            <HistoryMenu onPick={onExecute} />
          </Group>
        </div>
        <Button
          h={38}
          px="md"
          leftSection={<IconPlayerPlay size={15} />}
          onClick={() => onExecute(value)}
          disabled={value.trim() === ''}
        >
          Execute
        </Button>
        <PanelMenu onDuplicate={onDuplicate} onRemove={onRemove} />
      </Group>
      {problem && (
        <Alert
          color="red"
          variant="light"
          py="xs"
          title="The expression cannot be formatted"
          withCloseButton
          closeButtonLabel="Dismiss"
          onClose={() => setProblem(undefined)}
        >
          <div className="message-text">{problem}</div>
        </Alert>
      )}
    </Stack>
  );
}

function PanelMenu({ onDuplicate, onRemove }: Pick<Props, 'onDuplicate' | 'onRemove'>) {
  return (
    <Menu position="bottom-end" width={180}>
      <Menu.Target>
        <ActionIcon variant="default" size={38} aria-label="Panel menu">
          <IconDotsVertical size={17} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconCopy size={16} />} onClick={onDuplicate}>
          Duplicate panel
        </Menu.Item>
        <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={onRemove}>
          Remove panel
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
