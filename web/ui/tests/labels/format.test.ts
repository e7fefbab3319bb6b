import { expect, test } from 'vitest';
import { seriesText } from '../../src/labels/format';

test.each([
  [{ __name__: 'up', job: 'node' }, 'up{job="node"}'],
  [{ __name__: 'up' }, 'up'],
  [{}, '{}'],
  [{ mode: 'idle' }, '{mode="idle"}'],
  [{ __name__: 'with space', 'a.b': 'say "x"\n' }, '{"with space", "a.b"="say \\"x\\"\\n"}'],
])('%j is written as a selector', (labels, text) => expect(seriesText(labels as Record<string, string>)).toBe(text));
