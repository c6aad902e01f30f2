import { createSignal } from 'solid-js';

const KEPT = 'lineside theme';
const NEXT = { auto: 'light', light: 'dark', dark: 'auto' } as const;
export type Theme = keyof typeof NEXT;

const kept = localStorage.getItem(KEPT);
const [theme, setTheme] = createSignal<Theme>(kept === 'light' || kept === 'dark' ? kept : 'auto');

/** Light, dark, or as the system has it. */
export { theme };

/** Show the page so. */
export function paint(wanted: Theme = theme()): void {
  setTheme(wanted);
  if (wanted === 'auto') {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(KEPT);
  } else {
    document.documentElement.dataset.theme = wanted;
    localStorage.setItem(KEPT, wanted);
  }
}

/** Go on to the next of the three. */
export const repaint = (): void => paint(NEXT[theme()]);
