/** The control API: what it answers or, in words, why it does not. */

import { createSignal } from 'solid-js';
import { home } from './home';

const KEY = 'lineside key'; // in this tab's sessionStorage or, where people ask for it, in this browser's localStorage
const QUICK = 15_000; // ms for an ordinary answer; then the gateway counts as away
export const SLOW = 660_000; // ms for a model to be loaded or a service to be healthy; the gateway gives up before

const SILENT = 'lineside does not answer. Check that it is running; this page asks again by itself.';
const LOST = 'The connection to lineside broke off. This page asks again by itself.';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Something that could not be done. The message is for people, the code for programs. */
export class Trouble extends Error {
  readonly code: string;
  readonly status: number;

  /** `status` is 0 where there was no answer at all. */
  constructor(code: string, message: string, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const [key, setKey] = createSignal(kept());

/** The key that was given last; empty: none. It changes when another one is given. */
export { key };

/** The key as it is kept: the call may have asked for it. */
function kept(): string {
  return globalThis.sessionStorage?.getItem(KEY) ?? globalThis.localStorage?.getItem(KEY) ?? '';
}

/** Give this key from now on: in this tab or, if it is to be remembered, in every tab of this browser. */
export function useKey(given: string, remembered = false): void {
  globalThis.localStorage?.removeItem(KEY);
  globalThis.sessionStorage?.removeItem(KEY);
  if (given) (remembered ? globalThis.localStorage : globalThis.sessionStorage)?.setItem(KEY, given);
  setKey(given);
}

/** Ask, and have the answer. Rejects with a `Trouble`, or with the reason of `signal` once that is aborted. */
export async function ask<T>(
  method: Method,
  path: string,
  { body, signal, within = QUICK }: { body?: unknown; signal?: AbortSignal; within?: number } = {},
): Promise<T> {
  const limit = AbortSignal.timeout(within);
  const answer = await request(method, path, body, signal ? AbortSignal.any([signal, limit]) : limit, signal);
  try {
    return (await answer.json()) as T;
  } catch {
    signal?.throwIfAborted();
    throw new Trouble('unreadable', LOST);
  }
}

/** A file, whole; with a `body` it is asked for by POST. Rejects as `ask` does. */
export async function bytes(path: string, signal?: AbortSignal, body?: unknown): Promise<Blob> {
  const until = signal ?? new AbortController().signal;
  const answer = await request(body === undefined ? 'GET' : 'POST', path, body, until, signal);
  return answer.blob().catch((cause) => {
    throw troubleOf(cause);
  });
}

/** Anything that was thrown, as a trouble. */
export function troubleOf(cause: unknown): Trouble {
  return cause instanceof Trouble ? cause : new Trouble('lost', LOST);
}

/** Ask, and have the answer as it comes. */
export async function request(
  method: Method,
  path: string,
  body: unknown,
  until: AbortSignal,
  signal?: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = {};
  if (kept()) headers.Authorization = `Bearer ${plain(kept())}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  let answer: Response;
  try {
    answer = await fetch(home(path), { method, headers, signal: until, cache: 'no-store', ...sent });
  } catch {
    signal?.throwIfAborted();
    throw new Trouble('silent', SILENT);
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

/** A header takes plain signs only; a key that has others is none of API_KEYS. */
function plain(given: string): string {
  return /^[\x20-\x7e]*$/.test(given) ? given : '-';
}

async function refusal(answer: Response): Promise<Trouble> {
  const told = (await answer.json().catch(() => null)) as {
    error?: { code?: unknown; message?: unknown };
  } | null;
  const { code, message } = told?.error ?? {};
  if (answer.status === 401) {
    const words = kept() ? 'That key was not accepted.' : 'API key required.';
    return new Trouble('key_needed', words, 401);
  }
  if (typeof code === 'string' && typeof message === 'string')
    return new Trouble(code, message, answer.status);
  const words = `Something between this page and lineside answered ${answer.status}. lineside may be starting.`;
  return new Trouble('odd_answer', words, answer.status);
}
