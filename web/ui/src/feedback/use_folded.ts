import { useCallback, useState } from 'react';

/** Which of some named parts are not as they are by default. */
export function useFolded(): { isFlipped: (name: string) => boolean; flip: (name: string) => void } {
  const [flipped, setFlipped] = useState<ReadonlySet<string>>(new Set());
  const flip = useCallback((name: string) => {
    setFlipped((old) => {
      const next = new Set(old);
      if (!next.delete(name)) next.add(name);
      return next;
    });
  }, []);
  return { isFlipped: (name) => flipped.has(name), flip };
}
