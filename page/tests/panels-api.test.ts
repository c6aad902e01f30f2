import { afterEach, describe, expect, test, vi } from 'vitest';
import { ask, type Trouble } from '../src/api';
import { events, lines } from '../src/panels/streaming';
import { backoff } from '../src/polled';
import { eventsOf, linesOf } from '../src/streams';

const body = (...pieces: (string | Uint8Array)[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(out) {
      for (const piece of pieces)
        out.enqueue(typeof piece === 'string' ? new TextEncoder().encode(piece) : piece);
      out.close();
    },
  });
const broken = (piece: string): ReadableStream<Uint8Array> => {
  let told = false;
  return new ReadableStream({
    pull(out) {
      if (told) return out.error(new TypeError('network error'));
      told = true;
      out.enqueue(new TextEncoder().encode(piece));
    },
  });
};

async function all<T>(from: AsyncGenerator<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of from) found.push(one);
  return found;
}

const answer = (how: () => Response | Promise<Response>) => vi.stubGlobal('fetch', vi.fn(how));
const json = (status: number, told: unknown) => new Response(JSON.stringify(told), { status });
const trouble = (asked: Promise<unknown>): Promise<Trouble> =>
  asked.then(
    () => Promise.reject(new Error('it was answered')),
    (why) => why as Trouble,
  );
const never = new AbortController().signal;

afterEach(() => vi.unstubAllGlobals());

describe('streams', () => {
  test('lines come whole, wherever the pieces were cut, even within a letter', async () => {
    const bytes = new TextEncoder().encode('é1\r\n2\n3');
    expect(await all(linesOf(body(bytes.slice(0, 1), bytes.slice(1, 4), bytes.slice(4))))).toEqual([
      'é1',
      '2',
      '3',
    ]);
  });

  test('an event ends with an empty line; one that was cut off is none; comments are nothing', async () => {
    const told = body(': hello\n\ndata: {"a":1}\n\ndata: {"a":\ndata: 2}\n\ndata: {"a":3}');
    expect(await all(eventsOf(told))).toEqual([{ a: 1 }, { a: 2 }]);
  });

  test('who stops listening closes the stream', async () => {
    const cancel = vi.fn();
    const endless = new ReadableStream<Uint8Array>({
      pull: (out) => out.enqueue(new TextEncoder().encode('line\n')),
      cancel,
    });
    for await (const _ of linesOf(endless)) break;
    expect(cancel).toHaveBeenCalled();
  });
});

describe('asking', () => {
  test('a refusal is told in the words of the gateway', async () => {
    answer(() => json(409, { error: { code: 'loaded', message: 'it is in memory; unload it first' } }));
    const why = await trouble(ask('DELETE', '/api/models/x'));
    expect(why).toMatchObject({ code: 'loaded', status: 409, message: 'it is in memory; unload it first' });
  });

  test('nobody there, an answer by somebody else, and one that breaks off have a sentence each', async () => {
    answer(() => Promise.reject(new TypeError('Failed to fetch')));
    expect(await trouble(ask('GET', '/api/calls'))).toMatchObject({ code: 'silent', status: 0 });
    answer(() => new Response('<html>Bad gateway</html>', { status: 502 }));
    expect((await trouble(ask('GET', '/api/calls'))).message).toContain('answered 502');
    answer(() => new Response('{"calls": ['));
    expect((await trouble(ask('GET', '/api/calls'))).message).toContain('broke off');
  });

  test('a key may have spaces, and one with signs that no header takes is none', async () => {
    const sent: string[] = [];
    for (const given of ['one two', 'ключ']) {
      vi.stubGlobal('sessionStorage', { getItem: () => given });
      answer(() => json(200, { calls: [] }));
      await ask('GET', '/api/calls');
      const [, init] = vi.mocked(fetch).mock.calls[0] ?? [];
      sent.push(new Headers(init?.headers).get('Authorization') ?? '');
    }
    expect(sent).toEqual(['Bearer one two', 'Bearer -']);
  });

  test('a wanted key is asked for', async () => {
    answer(() => json(401, { error: { code: 'key_needed', message: 'give a key' } }));
    expect((await trouble(ask('GET', '/api/calls'))).message).toBe('API key required.');
  });

  test('whoever ends the asking is told so, not that the gateway is away', async () => {
    const end = new AbortController();
    answer(() => {
      end.abort(new Error('not wanted'));
      return Promise.reject(new DOMException('aborted', 'AbortError'));
    });
    await expect(ask('GET', '/api/calls', { signal: end.signal })).rejects.toThrow('not wanted');
  });

  test('a stream that breaks tells what came, then that it broke', async () => {
    answer(() => new Response(broken('{"a":1}\n')));
    const told: unknown[] = [];
    const follow = async () => {
      for await (const one of lines('POST', '/api/models/download', {}, never)) told.push(one);
    };
    expect(await trouble(follow())).toMatchObject({ code: 'lost' });
    expect(told).toEqual([{ a: 1 }]);
  });

  test('a refused stream is refused in words', async () => {
    answer(() => json(503, { error: { code: 'too_many_watchers', message: '8 already follow this call' } }));
    expect((await trouble(all(events('/api/calls/x/events', never)))).message).toBe(
      '8 already follow this call',
    );
  });
});

test('tries grow apart, but never further than five seconds', () => {
  expect([1, 2, 3, 4, 5, 50].map(backoff)).toEqual([500, 1000, 2000, 4000, 5000, 5000]);
});
