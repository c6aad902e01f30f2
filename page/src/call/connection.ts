import type { Dtmf, HangUp, ServerMessage, TypedText } from '../schema';

/** What carries one call: a WebSocket or a peer connection. */
export interface Connection {
  say(message: TypedText | Dtmf | HangUp): void;
  /** Sound, as bytes of the codec; a peer connection has it from the track. */
  send(sound: Uint8Array<ArrayBuffer>): void;
  /** lineside has said its last word and closes: that is no loss. */
  over(): void;
  close(): void;
}

export interface ConnectionListeners {
  readonly told: (event: ServerMessage) => void;
  /** The network is gone, or back; the call waits. */
  readonly away: (away: boolean) => void;
  readonly lost: () => void;
  readonly refused: (why: string) => void;
}
