import { createSignal, type JSX } from 'solid-js';
import type { Calls } from '../call/create';
import { asJson, asText, fileName } from './storage';

/** Take the conversation elsewhere: on the clipboard, or as a file. */
export function SaveConversation(given: { calls: Calls }): JSX.Element {
  const [copied, setCopied] = createSignal('Copy transcript');
  const state = () => given.calls.shown();
  const empty = () => state().lines.length === 0;

  const copy = () =>
    navigator.clipboard
      .writeText(asText(state(), performance.timeOrigin))
      .then(() => setCopied('Copied'))
      .catch(() => setCopied('Refused'))
      .finally(() => setTimeout(() => setCopied('Copy transcript'), 2000));

  const save = (content: BlobPart, type: string, ending: string) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = fileName(state(), ending);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // by then the browser has written it
  };

  return (
    <fieldset class="keep" disabled={empty()}>
      <legend class="unseen">Copy or download the conversation</legend>
      <button type="button" class="small" onClick={copy}>
        {copied()}
      </button>
      <button
        type="button"
        class="small"
        onClick={() => save(asText(state(), performance.timeOrigin), 'text/plain', 'txt')}
      >
        TXT
      </button>
      <button
        type="button"
        class="small"
        onClick={() => save(asJson(state(), performance.timeOrigin), 'application/json', 'json')}
      >
        JSON
      </button>
      <button
        type="button"
        class="small"
        title="What was said and heard, the last ten minutes: you on the left, the agent on the right"
        onClick={() => {
          const sound = given.calls.recording();
          if (sound) save(sound.wav(), 'audio/wav', 'wav');
        }}
      >
        WAV
      </button>
    </fieldset>
  );
}
