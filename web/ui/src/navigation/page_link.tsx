import type { CSSProperties, MouseEvent, ReactNode } from 'react';
import { addressOf, navigate } from './location';

interface Props {
  page: string;
  search?: string;
  className?: string;
  style?: CSSProperties;
  current?: boolean;
  title?: string;
  children: ReactNode;
}

/** A true link, so that it opens in a new tab too; a plain click stays in the app. */
export function PageLink({ page, search = '', current, children, ...rest }: Props) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(page, search);
  };
  return (
    <a href={addressOf(page, search)} onClick={follow} aria-current={current ? 'page' : undefined} {...rest}>
      {children}
    </a>
  );
}
