/** A WAV that is read while it is still being made: signed 16-bit, any number of channels. Pure. */

const HEADER_MAX = 4096; // bytes before the sound; a WAV whose header is longer is none of ours

export interface WavFormat {
  readonly channels: number;
  readonly rate: number;
}

export class WavStream {
  /** null until the header has come. */
  format: WavFormat | null = null;
  private held = new Uint8Array(0);

  /** The channels' samples in the next bytes, from -1 to 1; what ends inside a frame waits. Throws where it is no WAV. */
  feed(bytes: Uint8Array): Float32Array<ArrayBuffer>[] {
    const all = new Uint8Array(this.held.length + bytes.length);
    all.set(this.held);
    all.set(bytes, this.held.length);
    const begin = this.format ? 0 : this.header(all);
    if (!this.format) {
      this.held = all;
      return [];
    }
    const { channels } = this.format;
    const frames = Math.floor((all.length - begin) / (2 * channels));
    const end = begin + frames * 2 * channels;
    const view = new DataView(all.buffer, begin, end - begin);
    this.held = all.slice(end);
    return Array.from({ length: channels }, (_, channel) =>
      Float32Array.from(
        { length: frames },
        (_, at) => view.getInt16(2 * (at * channels + channel), true) / 32768,
      ),
    );
  }

  /** Where the sound begins, once it has. */
  private header(all: Uint8Array): number {
    const view = new DataView(all.buffer);
    const name = (at: number) => String.fromCharCode(...all.subarray(at, at + 4));
    if (all.length >= 12 && (name(0) !== 'RIFF' || name(8) !== 'WAVE')) throw new Error('no WAV');
    let found: WavFormat | null = null;
    for (let at = 12; at + 8 <= all.length; ) {
      const size = view.getUint32(at + 4, true);
      if (name(at) === 'data') {
        this.format = found;
        if (!found) throw new Error('no format');
        return at + 8;
      }
      if (at > HEADER_MAX) throw new Error('no sound');
      if (name(at) === 'fmt ' && at + 24 <= all.length)
        found = { channels: view.getUint16(at + 10, true), rate: view.getUint32(at + 12, true) };
      at += 8 + size + (size % 2);
    }
    return 0;
  }
}
