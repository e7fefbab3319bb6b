// PromQL's colours, the same in the editor and where expressions are only shown.
import { LanguageType, promQLLanguage } from '@prometheus-io/codemirror-promql';
import { highlightTree, tagHighlighter, tags } from '@lezer/highlight';

export const promqlHighlighter = tagHighlighter([
  { tag: tags.keyword, class: 'pq-keyword' },
  { tag: tags.modifier, class: 'pq-keyword' },
  { tag: tags.operatorKeyword, class: 'pq-keyword' },
  { tag: tags.function(tags.variableName), class: 'pq-function' },
  { tag: tags.labelName, class: 'pq-label' },
  { tag: tags.number, class: 'pq-number' },
  { tag: tags.string, class: 'pq-string' },
  { tag: tags.comment, class: 'pq-comment' },
  { tag: tags.paren, class: 'pq-paren' },
  { tag: tags.squareBracket, class: 'pq-paren' },
  { tag: tags.brace, class: 'pq-paren' },
  { tag: tags.operator, class: 'pq-operator' },
  { tag: tags.compareOperator, class: 'pq-operator' },
  { tag: tags.arithmeticOperator, class: 'pq-operator' },
  { tag: tags.invalid, class: 'pq-invalid' },
]);

export interface Piece {
  text: string;
  className: string;
}

/** The expression cut into pieces, each with the class of its colour. Together they are the whole text. */
export function highlightPromql(expression: string): Piece[] {
  const tree = promQLLanguage(LanguageType.PromQL).parser.parse(expression);
  const pieces: Piece[] = [];
  let done = 0;
  highlightTree(tree, promqlHighlighter, (from, to, className) => {
    if (from > done) pieces.push({ text: expression.slice(done, from), className: '' });
    pieces.push({ text: expression.slice(from, to), className });
    done = to;
  });
  if (done < expression.length) pieces.push({ text: expression.slice(done), className: '' });
  return pieces;
}
