/** What the page said on one call: the latest of it can be said again over another connection. Pure. */

const MOST = 1000; // messages: some seconds of sound; older ones are forgotten, and lost if they had not arrived

export type Message = string | Uint8Array<ArrayBuffer>;

export class SentMessages {
  private readonly kept: Message[] = [];
  private number = 0; // of the next message
  private next = 0; // the first that has not been sent

  /** A message, in its order. `sent`: it is on its way; else it waits for the next connection. */
  add(message: Message, sent: boolean): void {
    this.kept.push(message);
    if (this.kept.length > MOST) this.kept.shift();
    this.number += 1;
    if (sent) this.next = this.number;
  }

  /** So many have arrived; what came after them goes out again. */
  known(arrived: number): void {
    this.next = Math.max(arrived, this.number - this.kept.length);
  }

  /** What is to be sent now, the oldest first. */
  rest(): Message[] {
    const from = this.kept.length - (this.number - this.next);
    this.next = this.number;
    return this.kept.slice(Math.max(0, from));
  }
}
