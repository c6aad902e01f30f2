/** Downloads that this page follows. They outlive the panel that began them, and lineside's part outlives the page. */

import { createStore, produce } from 'solid-js/store';
import { troubleOf } from '../api';
import type { DownloadProgress, ModelStatus } from '../schema';
import { lines } from './streaming';

const FOLLOWED = 2; // at once; a browser has six connections to one address, and the panels need theirs
const SILENCE = 45_000; // ms; a download is told of every 15 s at the least

export interface Download {
  /** The newest that was told; null before the first word. */
  readonly progress: DownloadProgress | null;
  /** Why it could not be begun or followed, in words. */
  readonly trouble: string;
  readonly under: boolean;
}

/** A model by its engine and name: two engines may have models of one name. */
export const nameOf = (model: Pick<ModelStatus, 'engine' | 'name'>): string =>
  `${model.engine}/${model.name}`;

/** Nothing followed yet. */
export function makeDownloads() {
  const [all, setAll] = createStore<Record<string, Download>>({});
  let followed = 0;
  const tell = (name: string, part: Partial<Download>) =>
    setAll(name, (before) => ({ ...(before ?? { progress: null, trouble: '', under: true }), ...part }));

  /** Begin it, or join it; resolves when it is over or is not followed any more. */
  const begin = async (model: ModelStatus): Promise<void> => {
    const name = nameOf(model);
    if (all[name]?.under) return;
    tell(name, { progress: null, trouble: '', under: true });
    const line = new AbortController();
    const watched = followed < FOLLOWED; // a further one is begun, and seen in the list of models
    followed += 1;
    let timer = setTimeout(() => line.abort(), SILENCE);
    try {
      const asked = { engine: model.engine, model: model.name };
      for await (const progress of lines<DownloadProgress>(
        'POST',
        '/api/models/download',
        asked,
        line.signal,
      )) {
        clearTimeout(timer);
        timer = setTimeout(() => line.abort(), SILENCE);
        tell(name, { progress });
        if (!watched) break;
      }
      const last = all[name]?.progress;
      if (watched && last?.state === 'running') throw new Error('cut off');
    } catch (cause) {
      tell(name, { progress: null, trouble: lostWords(troubleOf(cause)) });
    } finally {
      clearTimeout(timer);
      followed -= 1;
      tell(name, { under: false });
    }
  };
  const forget = (name: string) => setAll(produce((those) => delete those[name]));
  return { of: (model: ModelStatus): Download | undefined => all[nameOf(model)], begin, forget };
}

function lostWords({ code, message }: { code: string; message: string }): string {
  if (code !== 'lost' && code !== 'silent') return message;
  return 'The connection broke off during the download. What has come is kept: press Resume once lineside is back.';
}

export const downloads = makeDownloads();
