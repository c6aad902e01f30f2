/** What is being done to the things of a panel, and what went wrong with each. */

import { createStore } from 'solid-js/store';
import { troubleOf } from '../api';

export interface Doing {
  /** What is being done; empty: nothing. */
  readonly busy: string;
  readonly trouble: string;
}

const quiet: Doing = { busy: '', trouble: '' };

/** Actions by the name of the thing: one at a time for each. */
export function createActions() {
  const [all, setAll] = createStore<Record<string, Doing>>({});
  const act = async (name: string, busy: string, action: () => Promise<unknown>): Promise<boolean> => {
    if (all[name]?.busy) return false;
    setAll(name, { busy, trouble: '' });
    try {
      await action();
      setAll(name, { ...quiet });
      return true;
    } catch (cause) {
      setAll(name, { busy: '', trouble: troubleOf(cause).message });
      return false;
    }
  };
  return {
    of: (name: string): Doing => all[name] ?? quiet,
    act,
    clear: (name: string) => setAll(name, { ...quiet }),
  };
}
