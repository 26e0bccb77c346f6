import { TurnQueue } from './turn-queue.js';

const MAX_PACKETS = 1024;
const MAX_BYTES = 4 * 1024 * 1024;

/** Packets that wait for the application; the newest are dropped beyond the bounds, as a datagram socket would. */
export class PacketQueue<P extends { readonly data: Uint8Array }> {
  readonly #packets: P[] = [];
  #bytes = 0;
  #received = 0;
  #dropped = 0;
  readonly #turns = new TurnQueue(() => this.shift() ?? (this.#ended ? null : undefined));
  #ended = false;

  /** Since the session began. */
  get counts(): { received: number; dropped: number } {
    return { received: this.#received, dropped: this.#dropped };
  }

  push(packet: P): void {
    this.#received++;
    if (this.#packets.length >= MAX_PACKETS || this.#bytes + packet.data.length > MAX_BYTES) {
      this.#dropped++;
      return;
    }
    this.#packets.push(packet);
    this.#bytes += packet.data.length;
    this.#turns.pump();
  }

  /** Waits for one; null when there is none and none will come. */
  next(): Promise<P | null> {
    return this.#turns.next();
  }

  /** No more will come. */
  end(): void {
    this.#ended = true;
    this.#turns.pump();
  }

  shift(): P | undefined {
    const packet = this.#packets.shift();
    this.#bytes -= packet?.data.length ?? 0;
    return packet;
  }
}
