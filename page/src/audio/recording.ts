/** Both sides of a call, kept in this tab so that they can be downloaded: the caller on the left, the agent right. Pure. */

const RATE = 16_000; // a second at least; speech needs no more
const KEPT = 600; // seconds; beyond it the oldest leaves, and the call goes on
const BEHIND = 2; // seconds of the caller's sound that may wait for the agent's; more is dropped

export class Recording {
  readonly rate: number;
  private readonly every: number; // samples of the line that become one
  private readonly chunks: Int16Array[] = [];
  private readonly caller: number[] = [];
  private frames = 0;

  constructor(lineRate: number) {
    this.every = Math.max(1, Math.floor(lineRate / RATE));
    this.rate = Math.round(lineRate / this.every);
  }

  /** Seconds that are kept. */
  get seconds(): number {
    return this.frames / this.rate;
  }

  /** What the caller said; it is put beside what is played next. */
  said(pcm: Int16Array): void {
    for (const sample of this.thin(pcm)) this.caller.push(sample);
    const tooMany = this.caller.length - BEHIND * this.rate;
    if (tooMany > 0) this.caller.splice(0, tooMany);
  }

  /** What was played, silence and all: the clock of the recording. */
  played(pcm: Int16Array): void {
    const right = this.thin(pcm);
    const left = this.caller.splice(0, right.length);
    const both = new Int16Array(2 * right.length);
    right.forEach((sample, index) => {
      both[2 * index] = left[index] ?? 0;
      both[2 * index + 1] = sample;
    });
    this.chunks.push(both);
    this.frames += right.length;
    while (this.frames > KEPT * this.rate) this.frames -= (this.chunks.shift()?.length ?? 0) / 2;
  }

  /** All of it as a WAV file. */
  wav(): ArrayBuffer {
    return wav(this.chunks, this.rate);
  }

  private thin(pcm: Int16Array): Int16Array {
    const { every } = this;
    return Int16Array.from({ length: Math.floor(pcm.length / every) }, (_, index) => {
      let sum = 0;
      for (let at = index * every; at < (index + 1) * every; at += 1) sum += pcm[at] ?? 0;
      return sum / every;
    });
  }
}

/** Stereo chunks as a RIFF file (Multimedia Programming Interface 1.0, 1991; format 1, PCM). */
export function wav(chunks: readonly Int16Array[], rate: number): ArrayBuffer {
  const size = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const file = new DataView(new ArrayBuffer(44 + size));
  const word = (at: number, letters: string) => {
    for (let index = 0; index < 4; index += 1) file.setUint8(at + index, letters.charCodeAt(index));
  };
  word(0, 'RIFF');
  file.setUint32(4, 36 + size, true);
  word(8, 'WAVE');
  word(12, 'fmt ');
  file.setUint32(16, 16, true);
  file.setUint16(20, 1, true);
  file.setUint16(22, 2, true); // channels
  file.setUint32(24, rate, true);
  file.setUint32(28, rate * 4, true);
  file.setUint16(32, 4, true);
  file.setUint16(34, 16, true);
  word(36, 'data');
  file.setUint32(40, size, true);
  let at = 44;
  for (const chunk of chunks) {
    for (const sample of chunk) {
      file.setInt16(at, sample, true);
      at += 2;
    }
  }
  return file.buffer as ArrayBuffer;
}
