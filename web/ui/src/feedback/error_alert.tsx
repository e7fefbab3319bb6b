import { Alert, Button } from '@mantine/core';
import { IconAlertTriangle } from '../icons';
import type { ApiError } from '../api/client';

const titles: Record<string, string> = {
  bad_data: 'The query is not valid',
  execution: 'The query failed',
  timeout: 'The query took too long',
  canceled: 'The query was canceled',
  unreachable: 'No connection',
  not_ready: 'The server is not ready',
  not_api: 'Unexpected answer',
};

interface Props {
  error: ApiError;
  /** Replaces the title that tells the kind of error. */
  title?: string;
  onRetry?: () => void;
}

export function ErrorAlert({ error, title, onRetry }: Props) {
  return (
    <Alert
      color="red"
      variant="light"
      icon={<IconAlertTriangle size={18} />}
      title={title ?? titles[error.kind] ?? 'The server reported an error'}
    >
      <div className="message-text">{error.message}</div>
      {onRetry && (
        <Button mt="xs" size="compact-sm" variant="light" color="red" onClick={onRetry}>
          Try again
        </Button>
      )}
    </Alert>
  );
}
