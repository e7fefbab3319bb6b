import { useCallback, useEffect, useState } from 'react';
import { navigate, useSearch } from '../navigation/location';
import { defaultPanel, type PanelState } from './panel_state';
import { decodePanels, encodePanels } from './url_state';

export interface Panel extends PanelState {
  id: number;
}

let nextId = 1;
const withId = (state: PanelState): Panel => ({ ...state, id: nextId++ });

/** The panels of the address bar. A change is a step in the browser's history, so that Back undoes it. */
export function usePanels() {
  const search = useSearch();
  const [panels, setPanels] = useState<Panel[]>(() => read(search, []));

  // Back, Forward, or a link to this page: the address changed, and not by us.
  useEffect(() => {
    setPanels((old) => (encodePanels(old) === search ? old : read(search, old)));
  }, [search]);

  const commit = useCallback((next: Panel[]) => {
    setPanels(next);
    navigate('query', encodePanels(next));
  }, []);

  return {
    panels,
    change: (id: number, change: Partial<PanelState>) =>
      commit(panels.map((panel) => (panel.id === id ? { ...panel, ...change } : panel))),
    add: () => commit([...panels, withId(defaultPanel)]),
    remove: (id: number) => {
      const rest = panels.filter((panel) => panel.id !== id);
      commit(rest.length > 0 ? rest : [withId(defaultPanel)]);
    },
    duplicate: (id: number, expr: string) =>
      commit(panels.flatMap((panel) => (panel.id === id ? [panel, withId({ ...panel, expr })] : [panel]))),
  };
}

/** Panels keep their ids by position, so that their graphs are updated rather than built anew. */
function read(search: string, old: Panel[]): Panel[] {
  const states = decodePanels(search);
  return (states.length > 0 ? states : [defaultPanel]).map((state, i) => {
    const before = old[i];
    return before ? { ...state, id: before.id } : withId(state);
  });
}
