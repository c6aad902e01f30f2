import { createEffect, type JSX } from 'solid-js';
import { answerKey, question } from '../key';

/** Asks for the key where one is needed. */
export function KeyDialog(): JSX.Element {
  let dialog!: HTMLDialogElement;
  let field!: HTMLInputElement;
  let remember!: HTMLInputElement;
  createEffect(() => {
    if (!question()) return dialog.close();
    field.value = '';
    remember.checked = false;
    dialog.returnValue = '';
    if (!dialog.open) dialog.showModal();
  });
  const closed = () =>
    question() && answerKey(dialog.returnValue === 'enter' ? field.value.trim() : '', remember.checked);
  return (
    <dialog id="key-dialog" aria-labelledby="key-why" ref={dialog} onClose={closed}>
      <form method="dialog" autocomplete="off">
        <p id="key-why">{question()?.why}</p>
        <label for="key">API key (one of API_KEYS)</label>
        <input id="key" type="password" autocomplete="off" required ref={field} />
        <label class="option">
          <input type="checkbox" ref={remember} />
          <span>Remember in this browser; otherwise in this tab only</span>
        </label>
        <div class="choices">
          <button id="key-cancel" type="button" onClick={() => dialog.close()}>
            Cancel
          </button>
          <button type="submit" value="enter" class="main">
            Continue
          </button>
        </div>
      </form>
    </dialog>
  );
}
