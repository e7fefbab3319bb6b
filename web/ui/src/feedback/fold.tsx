import { UnstyledButton } from '@mantine/core';
import { IconChevronDown } from '../icons';
import { useId, type ReactNode } from 'react';

interface Props {
  open: boolean;
  onToggle: () => void;
  head: ReactNode;
  className?: string;
  children: ReactNode;
}

/** A head that opens and closes what is below it. */
export function Fold({ open, onToggle, head, className = '', children }: Props) {
  const body = useId();
  return (
    <div className={`fold ${className}`} data-open={open || undefined}>
      <UnstyledButton className="fold-head" aria-expanded={open} aria-controls={body} onClick={onToggle}>
        <IconChevronDown size={16} className="fold-arrow" aria-hidden />
        {head}
      </UnstyledButton>
      {open && (
        <div id={body} className="fold-body">
          {children}
        </div>
      )}
    </div>
  );
}
