/** Asking again and again, and following a stream: both go on by themselves once lineside is back. */

import { createEffect, createSignal, on, onCleanup } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';
import { key, type Trouble, troubleOf } from './api';

const LONGEST = 5_000; // ms between two tries while nothing answers

/** How long to wait after so many failures in a row: 0.5 s, 1 s, 2 s, 4 s, 5 s … */
export function backoff(failures: number): number {
  return Math.min(LONGEST, 250 * 2 ** Math.min(failures, 10));
}

export interface Polled<T> {
  /** The newest answer; it stays while there is trouble. */
  readonly value: () => T | undefined;
  readonly trouble: () => Trouble | null;
  /** Ask now. */
  readonly again: () => void;
}

/** The newest of a row of values, and how the next one is set: what is the same in both stays the same object. */
export function createNewest<T extends object>(id: string): [() => T | undefined, (next: T) => void] {
  const [store, setStore] = createStore<{ value?: T }>({});
  return [
    () => store.value,
    (value) => setStore(reconcile<{ value?: T }, { value?: T }>({ value }, { key: id })),
  ];
}

/** The answer of `get`, asked every so many ms while the page can be seen. `id` names the things of its lists. */
export function createPolled<T extends object>(
  get: (signal: AbortSignal) => Promise<T>,
  every: (newest: T | undefined) => number,
  id = 'name',
): Polled<T> {
  const [newest, setNewest] = createNewest<T>(id);
  const [trouble, setTrouble] = createSignal<Trouble | null>(null);
  const gone = new AbortController();
  const bell = makeBell();
  const round = async (failures: number): Promise<number> => {
    try {
      setNewest(await get(gone.signal));
      setTrouble(null);
      return 0;
    } catch (cause) {
      if (!gone.signal.aborted) setTrouble(troubleOf(cause));
      return failures + 1;
    }
  };
  const rounds = async () => {
    for (let failures = 0; !gone.signal.aborted; ) {
      if (!document.hidden) failures = await round(failures);
      if (!gone.signal.aborted) await bell.wait(failures ? backoff(failures) : every(newest()));
    }
  };
  createEffect(on(key, () => bell.ring(), { defer: true }));
  document.addEventListener('visibilitychange', bell.ring);
  onCleanup(() => {
    document.removeEventListener('visibilitychange', bell.ring);
    gone.abort();
    bell.ring();
  });
  void rounds();
  return { value: newest, trouble, again: bell.ring };
}

export interface Following {
  readonly trouble: () => Trouble | null;
  /** The stream has come to its end, and is not opened again. */
  readonly over: () => boolean;
}

/** What is done with a stream. */
export interface Follower<T> {
  /** It begins, perhaps again. */
  readonly opened?: () => void;
  readonly take: (piece: T) => void;
  /** Whether there is nothing more to come, after its end or this trouble. */
  readonly done: (trouble: Trouble | null) => boolean;
  /** ms without a word, after which the line is dead; 0: it may be silent. */
  readonly silence: number;
}

/** Follow a stream while the component lives; where it breaks, open it again. */
export function createFollowed<T>(
  open: (signal: AbortSignal) => AsyncGenerator<T>,
  follower: Follower<T>,
): Following {
  const [trouble, setTrouble] = createSignal<Trouble | null>(null);
  const [over, setOver] = createSignal(false);
  const gone = new AbortController();
  const bell = makeBell();
  let failures = 0;
  const once = async (): Promise<Trouble | null> => {
    const line = new AbortController();
    const watch = makeWatch(follower.silence, () => line.abort());
    follower.opened?.();
    try {
      for await (const piece of open(AbortSignal.any([gone.signal, line.signal]))) {
        watch.heard();
        failures = 0;
        setTrouble(null);
        follower.take(piece);
      }
      return null;
    } catch (cause) {
      return troubleOf(cause);
    } finally {
      watch.close();
    }
  };
  const rounds = async () => {
    while (!gone.signal.aborted) {
      const broke = await once();
      if (gone.signal.aborted) return;
      if (follower.done(broke)) {
        setOver(true);
        return;
      }
      setTrouble(broke);
      failures += 1;
      await bell.wait(backoff(failures));
    }
  };
  createEffect(on(key, () => bell.ring(), { defer: true }));
  onCleanup(() => {
    gone.abort();
    bell.ring();
  });
  void rounds();
  return { trouble, over };
}

/** Waiting that can be ended early; a ring while nobody waits ends the next wait at once. */
function makeBell() {
  let rung = false;
  let wake = () => {};
  return {
    ring: () => {
      rung = true;
      wake();
    },
    wait: async (ms: number) => {
      await new Promise<void>((done) => {
        const timer = setTimeout(done, ms);
        wake = () => {
          clearTimeout(timer);
          done();
        };
        if (rung) wake();
      });
      rung = false;
    },
  };
}

/** Calls `late` when nothing was heard for so long. */
function makeWatch(silence: number, late: () => void) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(timer);
    if (silence > 0) timer = setTimeout(late, silence);
  };
  heard();
  return { heard, close: () => clearTimeout(timer) };
}
