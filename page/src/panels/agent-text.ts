/** The agent as the text of its file, beside its fields: each follows the other, and broken text stays as it is. */

import { createEffect, createSignal, onCleanup } from 'solid-js';
import { ask, troubleOf } from '../api';
import type { AgentText, CheckedAgent, Remark, Agent as Told } from '../schema';
import { alike, tidy } from './draft';

const KEPT = 'lineside agent text'; // in this tab's sessionStorage, while it is no agent
const AFTER = 400; // ms after the last key

const [unfinished, setUnfinished] = createSignal(Boolean(globalThis.sessionStorage?.getItem(KEPT)));

/** Whether there is text that is no agent, and so is not in the fields. */
export { unfinished };

function keep(text: string | null): void {
  if (text === null) sessionStorage.removeItem(KEPT);
  else sessionStorage.setItem(KEPT, text);
  setUnfinished(text !== null);
}

/** `agent` is what the fields say; `put` changes them. */
export function createAgentText(agent: () => Told, put: (agent: Told) => void) {
  const kept = sessionStorage.getItem(KEPT);
  const [text, setText] = createSignal(kept ?? '');
  const [remarks, setRemarks] = createSignal<readonly Remark[]>([]);
  const [trouble, setTrouble] = createSignal('');
  const [checking, setChecking] = createSignal(false);
  let same: Told | null = kept === null ? null : agent(); // the agent that the text is about
  let asked = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));

  /** Have it checked now: whether it is an agent. */
  const check = async (): Promise<boolean> => {
    clearTimeout(timer);
    asked += 1;
    const mine = asked;
    const body: AgentText = { text: text() };
    try {
      const found = await ask<CheckedAgent>('POST', '/api/agent/check', { body });
      if (mine !== asked) return false; // more was typed meanwhile
      setTrouble('');
      setRemarks(found.remarks);
      if (found.agent) {
        keep(null);
        same = found.agent;
        put(found.agent);
      }
      return found.agent !== null;
    } catch (cause) {
      setTrouble(troubleOf(cause).message);
      return false;
    } finally {
      if (mine === asked) setChecking(false);
    }
  };
  const write = (written: string) => {
    setText(written);
    keep(written);
    setChecking(true);
    asked += 1;
    clearTimeout(timer);
    timer = setTimeout(check, AFTER);
  };
  /** Write the fields' agent as text, in place of what stands there. */
  const open = async (now: Told) => {
    same = now;
    asked += 1;
    const mine = asked;
    keep(null);
    try {
      const written = await ask<AgentText>('POST', '/api/agent/text', { body: tidy(structuredClone(now)) });
      if (mine !== asked) return;
      setText(written.text);
      await check();
    } catch (cause) {
      setTrouble(troubleOf(cause).message);
    }
  };
  createEffect(() => {
    const now = JSON.parse(JSON.stringify(agent())) as Told; // all of it is followed
    if (!same || !alike(same, now)) void open(now);
  });
  if (kept !== null) void check();
  const broken = () => remarks().some((one) => one.kind === 'mistake');
  return { text, remarks, trouble, checking, broken, write, check };
}

export type AgentTextState = ReturnType<typeof createAgentText>;

/** Where a line of a text begins and ends; lines count from 1. */
export function lineAt(text: string, line: number): { from: number; to: number } {
  const lines = text.split('\n');
  const from = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return { from, to: from + (lines[line - 1]?.length ?? 0) };
}
