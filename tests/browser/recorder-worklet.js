/** Hands on everything it hears, with the time of its first sample. */
class Recorder extends AudioWorkletProcessor {
  process([[block]]) {
    this._blocks ??= [];
    this._began ??= currentTime;
    this._blocks.push(block ? block.slice() : new Float32Array(128));
    if (this._blocks.length === 8) {
      this.port.postMessage({ began: this._began, blocks: this._blocks });
      this._blocks = [];
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
