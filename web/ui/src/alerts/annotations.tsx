import type { ReactNode } from 'react';
import type { Labels } from '../api/types';

/** What the rule's author wrote for people. Web addresses in it become links. */
export function Annotations({ annotations }: { annotations: Labels }) {
  const entries = Object.entries(annotations);
  if (entries.length === 0) return null;
  return (
    <dl className="annotations">
      {entries.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{withLinks(text)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Only http and https: an annotation may come from anyone's labels. */
function withLinks(text: string): ReactNode[] {
  return text.split(/(https?:\/\/[^\s<>"')\]]+)/).map((part, i) =>
    i % 2 === 1 ? (
      <a key={i} href={part} target="_blank" rel="noreferrer">
        {part}
      </a>
    ) : (
      part
    ),
  );
}
