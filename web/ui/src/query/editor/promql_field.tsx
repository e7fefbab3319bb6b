import { closeCompletion } from '@codemirror/autocomplete';
import { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { useEffect, useRef } from 'react';
import { promqlEditor } from './extensions';

interface Props {
  value: string;
  onType: (text: string) => void;
  onExecute: (text: string) => void;
}

/** CodeMirror as a controlled field. */
export function PromqlField({ value, onType, onExecute }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const handlers = useRef({ onType, onExecute });
  handlers.current = { onType, onExecute };
  const first = useRef(value);

  useEffect(() => {
    if (!box.current) return;
    const editor = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: first.current,
        extensions: promqlEditor({
          onType: (text) => handlers.current.onType(text),
          onExecute: (text) => {
            if (view.current) closeCompletion(view.current);
            handlers.current.onExecute(text);
          },
        }),
      }),
    });
    view.current = editor;
    // An empty field wants to be typed in.
    if (first.current === '') editor.focus();
    return () => {
      view.current = null;
      editor.destroy();
    };
  }, []);

  // The value changed from outside: formatting, history, the browser's Back.
  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === value) return;
    editor.dispatch({
      changes: { from: 0, to: editor.state.doc.length, insert: value },
      selection: { anchor: value.length },
    });
  }, [value]);

  return <div ref={box} className="promql-field" />;
}
