// Everything CodeMirror needs to be a good PromQL field.
import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands';
import { bracketMatching, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap } from '@codemirror/lint';
import { EditorState, Prec, type Extension } from '@codemirror/state';
import { EditorView, drawSelection, dropCursor, highlightSpecialChars, keymap, placeholder } from '@codemirror/view';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { basePath } from '../../api/base_path';
import { promqlHighlighter } from '../../promql/highlighting';

export interface EditorEvents {
  onType: (text: string) => void;
  onExecute: (text: string) => void;
}

export function promqlEditor(events: EditorEvents): Extension[] {
  return [
    history(),
    drawSelection(),
    dropCursor(),
    highlightSpecialChars(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ icons: true, maxRenderedOptions: 100 }),
    EditorView.lineWrapping,
    EditorState.allowMultipleSelections.of(false),
    EditorView.contentAttributes.of({ 'aria-label': 'PromQL expression', spellcheck: 'false' }),
    placeholder('Enter a PromQL expression, for example up'),
    syntaxHighlighting(promqlHighlighter),
    promql(),
    Prec.high(executeKeys(events)),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...lintKeymap]),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) events.onType(update.state.doc.toString());
    }),
  ];
}

/** Enter executes, unless it picks a completion (that key binding of autocompletion() comes first). */
function executeKeys({ onExecute }: EditorEvents): Extension {
  const execute = (view: EditorView): boolean => {
    onExecute(view.state.doc.toString());
    return true;
  };
  return keymap.of([
    { key: 'Enter', run: execute },
    { key: 'Mod-Enter', run: execute },
    { key: 'Shift-Enter', run: insertNewlineAndIndent },
    { key: 'Tab', run: acceptCompletion },
  ]);
}

function promql(): Extension {
  const server = basePath().replace(/\/$/, '');
  return new PromQLExtension()
    .setComplete({ remote: { url: server, cache: { maxAge: 5 * 60_000 }, httpErrorHandler: () => undefined } })
    .asExtension();
}
