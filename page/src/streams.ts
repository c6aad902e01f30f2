/** A streamed answer, cut into what was sent. Pure but for the reading. */

const LONGEST = 4_000_000; // characters without the end of a line; whoever sends more is no gateway of ours

/** The lines of a body, as they come; the last one may have no end. */
export async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value, { stream: !done });
      const lines = rest.split(/\r?\n/);
      rest = lines.pop() ?? '';
      if (rest.length > LONGEST) throw new Error('a line without end');
      yield* lines;
      if (done) {
        if (rest) yield rest;
        return;
      }
    }
  } finally {
    reader.cancel().catch(() => undefined); // it may be broken already; it is not read any more either way
  }
}

/** Objects of a body of JSON lines. */
export async function* objectsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  for await (const line of linesOf(body)) if (line.trim()) yield JSON.parse(line);
}

/** Objects of a body of server-sent events; one that was not finished is none. */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  let data: string[] = [];
  for await (const line of linesOf(body)) {
    if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
    if (line !== '' || data.length === 0) continue;
    yield JSON.parse(data.join('\n'));
    data = [];
  }
}
