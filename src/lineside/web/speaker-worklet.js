import { Playback } from "./playback.js";

/** Plays what the page sends it: sound as Int16Array, or the words "over", "clear" and "drain". */
class Speaker extends AudioWorkletProcessor {
  constructor() {
    super();
    const playback = new Playback(sampleRate);
    this._playback = playback;
    this._draining = false;
    this._toldGaps = 0;
    this.port.onmessage = ({ data }) => {
      if (data === "over") playback.over();
      else if (data === "clear") playback.clear();
      else if (data === "drain") this._draining = true;
      else playback.add(data);
    };
  }

  process(_inputs, [[block]]) {
    this._playback.fill(block);
    if (this._playback.gaps > this._toldGaps) {
      this._toldGaps = this._playback.gaps;
      this.port.postMessage({ gaps: this._toldGaps });
    }
    if (this._draining && this._playback.waiting === 0) {
      this._draining = false;
      this.port.postMessage({ drained: true });
    }
    return true;
  }
}

registerProcessor("speaker", Speaker);
