import { createEffect, onCleanup } from 'solid-js';

const AT_END = 40; // pixels from the end; nearer, the reader follows, further up they look back

/** Keeps the end of a pane in sight while `changes` come, unless the reader scrolls up; once a frame at most. */
export function createFollowing(pane: HTMLElement, changes: () => unknown): void {
  let follows = true;
  let top = 0;
  let asked = 0;

  /** Only a reader moves up. Lines that came since the last frame take us from the end too, but down. */
  const look = () => {
    const up = pane.scrollTop < top;
    top = pane.scrollTop;
    const atEnd = pane.scrollHeight - top - pane.clientHeight < AT_END;
    follows = atEnd || (follows && !up);
  };
  const follow = () => {
    asked = 0;
    if (follows) pane.scrollTop = pane.scrollHeight;
  };
  const ask = () => {
    asked ||= requestAnimationFrame(follow);
  };

  createEffect(() => {
    changes();
    ask();
  });
  const watch = new ResizeObserver(ask);
  watch.observe(pane);
  pane.addEventListener('scroll', look, { passive: true });
  onCleanup(() => {
    watch.disconnect();
    pane.removeEventListener('scroll', look);
    cancelAnimationFrame(asked);
  });
}
