import { expect, test } from 'vitest';
import { highlightPromql } from '../../src/promql/highlighting';

test('highlighting colours the parts and keeps the text', () => {
  const text = 'sum by (job) (rate(x{a="b"}[5m])) > 1 # why';
  const pieces = highlightPromql(text);
  expect(pieces.map((piece) => piece.text).join('')).toBe(text);
  const classOf = (part: string) => pieces.find((piece) => piece.text === part)?.className;
  expect(classOf('rate')).toBe('pq-function');
  expect(classOf('"b"')).toBe('pq-string');
  expect(classOf('1')).toBe('pq-number');
});

test('what does not parse is still shown whole', () => {
  expect(highlightPromql('sum(((').map((piece) => piece.text).join('')).toBe('sum(((');
});
