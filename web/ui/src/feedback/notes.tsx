import { Alert } from '@mantine/core';
import { IconAlertCircle, IconInfoCircle } from '../icons';
import type { ReactNode } from 'react';

/** The warnings and infos that came with an answer. */
export function AnswerNotes({ warnings, infos }: { warnings: string[]; infos: string[] }) {
  return (
    <>
      {warnings.length > 0 && (
        <Alert color="yellow" variant="light" py="xs" title="Warning" icon={<IconAlertCircle size={18} />}>
          <Lines lines={warnings} />
        </Alert>
      )}
      {infos.length > 0 && (
        <Alert color="blue" variant="light" py="xs" title="Info" icon={<IconInfoCircle size={18} />}>
          <Lines lines={infos} />
        </Alert>
      )}
    </>
  );
}

/** A remark of this app, such as that not everything is drawn. */
export function Note({ children }: { children: ReactNode }) {
  return (
    <Alert color="blue" variant="light" py="xs" icon={<IconInfoCircle size={18} />}>
      {children}
    </Alert>
  );
}

function Lines({ lines }: { lines: string[] }) {
  return lines.map((line, i) => (
    <div key={i} className="message-text">
      {line}
    </div>
  ));
}
