import { type Accessor, createComputed, createSignal, type Signal } from 'solid-js';
import type { Line } from '../call/state';

/** The lines of a call, each by itself: an event costs what it changes, however long the call already is. */
export function createRows(lines: () => readonly Line[]) {
  const rows = new Map<string, Signal<Line>>();
  const [keys, setKeys] = createSignal<readonly string[]>([]);
  createComputed(() => {
    const now = lines();
    let moved = now.length !== rows.size;
    for (const line of now) {
      const row = rows.get(line.key);
      if (row) {
        row[1](line);
      } else {
        rows.set(line.key, createSignal(line));
        moved = true;
      }
    }
    if (!moved) return;
    const left = new Set(now.map((line) => line.key));
    for (const key of rows.keys()) if (!left.has(key)) rows.delete(key);
    setKeys([...left]);
  });
  return {
    keys,
    /** The line of a key that is there. It can be read after it has left the page, too. */
    line: (key: string): Accessor<Line> => (rows.get(key) as Signal<Line>)[0],
  };
}
