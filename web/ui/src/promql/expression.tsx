import { useMemo } from 'react';
import { highlightPromql } from './highlighting';

/** A PromQL expression to read, in the editor's colours. */
export function Expression({ text }: { text: string }) {
  const pieces = useMemo(() => highlightPromql(text), [text]);
  return (
    <code className="expression">
      {pieces.map((piece, i) => (
        <span key={i} className={piece.className}>
          {piece.text}
        </span>
      ))}
    </code>
  );
}
