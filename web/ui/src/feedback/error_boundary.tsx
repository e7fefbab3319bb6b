import { Alert, Button, Stack } from '@mantine/core';
import { IconBug } from '../icons';
import { Component, type ReactNode } from 'react';

/** A fault in one part of a page shows as a message there, never as a white page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { problem?: string }> {
  override state: { problem?: string } = {};

  static getDerivedStateFromError(problem: unknown) {
    return { problem: problem instanceof Error ? problem.message : String(problem) };
  }

  override render() {
    if (this.state.problem === undefined) return this.props.children;
    return (
      <Alert color="red" title="This part of the page failed" icon={<IconBug size={18} />}>
        <Stack gap="xs" align="flex-start">
          <div className="message-text">{this.state.problem}</div>
          <Button size="compact-sm" variant="light" color="red" onClick={() => this.setState({ problem: undefined })}>
            Show it again
          </Button>
        </Stack>
      </Alert>
    );
  }
}
