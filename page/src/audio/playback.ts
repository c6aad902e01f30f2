/**
 * The sound that waits to be played: a ring with a small start-up buffer. Pure; the speaker's worklet asks it for
 * every block, and time is counted in the samples that it gives.
 */

const START = 0.06; // seconds gathered before a reply begins to sound, so that a late packet leaves no hole …
const HELD = 2; // seconds; lineside sends one ahead at most. Beyond it the page had stalled, and the oldest sound is
// dropped: what is left is then heard when lineside believes that it is heard
const FADE = 0.005; // seconds from sound to silence when it is cleared: at once would be a click

export class Playback {
  /** Times the sound ran dry inside a reply and came again. */
  gaps = 0;
  /** Samples that wait. */
  waiting = 0;
  /** Samples played of the reply that began last. */
  played = 0;
  private readonly ring: Float32Array;
  private readonly start: number;
  private readonly fade: number;
  private next = 0; // to be played
  private before = 0; // samples of earlier replies that are still to be played
  private playing = false;
  private waited = 0; // samples since the first one came: a sound shorter than START is played too, after it
  private inReply = false;
  private dry = false;

  constructor(rate: number) {
    this.ring = new Float32Array(Math.round(HELD * rate));
    this.start = Math.round(START * rate);
    this.fade = Math.round(FADE * rate);
  }

  /** A reply begins to come: what is played from its first sample on is counted. */
  begin(): void {
    this.before = this.waiting;
    this.played = 0;
  }

  /** Take sound, signed 16-bit. */
  add(pcm: Int16Array): void {
    if (this.dry) this.gaps += 1;
    this.dry = false;
    this.inReply = true;
    const size = this.ring.length;
    for (const sample of pcm) {
      this.ring[(this.next + this.waiting) % size] = sample / 32768;
      if (this.waiting < size) {
        this.waiting += 1;
      } else {
        this.next = (this.next + 1) % size;
        this.count(1);
      }
    }
  }

  /** The reply has been sent to its end: running dry is in order now. */
  over(): void {
    this.inReply = false;
    this.dry = false;
  }

  /** Forget what waits, but for a fade of a few milliseconds. */
  clear(): void {
    this.over();
    this.waiting = this.playing ? Math.min(this.waiting, this.fade) : 0;
    this.before = Math.min(this.before, this.waiting);
    for (let index = 0; index < this.waiting; index += 1) {
      const at = (this.next + index) % this.ring.length;
      this.ring[at] = (this.ring[at] ?? 0) * (1 - index / this.waiting);
    }
  }

  /** Fill a block with what is to be played now; the rest of it is silence. */
  fill(block: Float32Array): void {
    block.fill(0);
    if (!this.playing) {
      this.playing = this.waiting >= this.start || (this.waiting > 0 && this.waited >= this.start);
      this.waited = this.waiting > 0 ? this.waited + block.length : 0;
      if (!this.playing) return;
    }
    const count = Math.min(this.waiting, block.length);
    for (let index = 0; index < count; index += 1) {
      block[index] = this.ring[this.next] ?? 0;
      this.next = (this.next + 1) % this.ring.length;
    }
    this.waiting -= count;
    this.count(count);
    if (count < block.length) {
      this.playing = false;
      this.waited = 0;
      this.dry = this.inReply;
    }
  }

  private count(samples: number): void {
    const earlier = Math.min(this.before, samples);
    this.before -= earlier;
    this.played += samples - earlier;
  }
}
