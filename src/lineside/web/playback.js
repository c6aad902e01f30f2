/**
 * The sound that waits to be played: a ring with a small start-up buffer. Pure; the speaker's worklet asks it for
 * every block, and time is counted in the samples that it gives.
 */

const START = 0.06; // seconds gathered before a reply begins to sound, so that a late packet leaves no hole …
const HELD = 2; // seconds; lineside sends one ahead at most. Beyond it the page had stalled, and the oldest sound is
// dropped: what is left is then heard when lineside believes that it is heard
const FADE = 0.005; // seconds from sound to silence when it is cleared: at once would be a click

export class Playback {
  constructor(rate) {
    this.gaps = 0; // times the sound ran dry inside a reply and came again
    this.waiting = 0; // samples
    this._ring = new Float32Array(Math.round(HELD * rate));
    this._next = 0; // to be played
    this._start = Math.round(START * rate);
    this._fade = Math.round(FADE * rate);
    this._playing = false;
    this._waited = 0; // samples since the first one came: a sound shorter than START is played too, after it
    this._inReply = false;
    this._dry = false;
  }

  /** Take sound, signed 16-bit. */
  add(pcm) {
    if (this._dry) this.gaps += 1;
    this._dry = false;
    this._inReply = true;
    const size = this._ring.length;
    for (const sample of pcm) {
      this._ring[(this._next + this.waiting) % size] = sample / 32768;
      if (this.waiting < size) this.waiting += 1;
      else this._next = (this._next + 1) % size;
    }
  }

  /** The reply has been sent to its end: running dry is in order now. */
  over() {
    this._inReply = false;
    this._dry = false;
  }

  /** Forget what waits, but for a fade of a few milliseconds. */
  clear() {
    this.over();
    this.waiting = this._playing ? Math.min(this.waiting, this._fade) : 0;
    for (let index = 0; index < this.waiting; index += 1) {
      this._ring[(this._next + index) % this._ring.length] *= 1 - index / this.waiting;
    }
  }

  /** Fill a block with what is to be played now; the rest of it is silence. */
  fill(block) {
    block.fill(0);
    if (!this._playing) {
      this._playing = this.waiting >= this._start || (this.waiting > 0 && this._waited >= this._start);
      this._waited = this.waiting > 0 ? this._waited + block.length : 0;
      if (!this._playing) return;
    }
    const count = Math.min(this.waiting, block.length);
    for (let index = 0; index < count; index += 1) {
      block[index] = this._ring[this._next];
      this._next = (this._next + 1) % this._ring.length;
    }
    this.waiting -= count;
    if (count < block.length) {
      this._playing = false;
      this._waited = 0;
      this._dry = this._inReply;
    }
  }
}
