/** Answers of the control API that are read as they come. Each rejects as `ask` does. */

import { type Method, request, troubleOf } from '../api';
import { eventsOf, objectsOf } from '../streams';

/** A file that is read while it is still being made. */
export async function* chunks(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = (await request('GET', path, undefined, signal, signal)).body?.getReader();
  try {
    for (;;) {
      const piece = await reader?.read();
      if (!piece || piece.done) return;
      yield piece.value;
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw troubleOf(cause);
  } finally {
    reader?.cancel().catch(() => undefined);
  }
}

/** Ask for a stream of JSON lines. */
export function lines<T>(
  method: Method,
  path: string,
  body: unknown,
  signal: AbortSignal,
): AsyncGenerator<T> {
  return stream(objectsOf, method, path, body, signal);
}

/** Ask for a stream of server-sent events. An EventSource could not carry the key. */
export function events<T>(path: string, signal: AbortSignal): AsyncGenerator<T> {
  return stream(eventsOf, 'GET', path, undefined, signal);
}

async function* stream<T>(
  read: (body: ReadableStream<Uint8Array>) => AsyncGenerator<unknown>,
  method: Method,
  path: string,
  body: unknown,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const answer = await request(method, path, body, signal, signal);
  try {
    if (answer.body) for await (const piece of read(answer.body)) yield piece as T;
  } catch (cause) {
    signal.throwIfAborted();
    throw troubleOf(cause);
  }
}
