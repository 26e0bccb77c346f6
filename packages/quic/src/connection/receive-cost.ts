import { KwikError } from '@kwik/wire';

/** One packet of so many is timed: that costs a tenth of a microsecond. */
const SAMPLE_EVERY = 8;
/** What quiche needs for a packet on a slow machine; on a current one it is a third of that. */
const USUAL_MS = 0.02;
const USUAL_MS_PER_BYTE = 0.00002;
/** Who costs so many times that makes quiche search, copy or sort on purpose. */
const TOO_DEAR = 10;
/** Dear packets in excess of cheap ones. A process that is scheduled away now and then does not come to that. */
const MAX_SCORE = 32;

/** Bounds the processor time that a peer's packets cost in the backend. */
export class ReceiveCost {
  private packets = 0;
  private score = 0;

  /** Whether the next packet is to be timed. */
  get samples(): boolean {
    this.packets += 1;
    return this.packets % SAMPLE_EVERY === 0;
  }

  /** A packet of `bytes` took `ms`. */
  record(bytes: number, ms: number): void {
    const isDear = ms > TOO_DEAR * (USUAL_MS + USUAL_MS_PER_BYTE * bytes);
    this.score = isDear ? this.score + 1 : Math.max(0, this.score - 1);
  }

  problem(): KwikError | undefined {
    if (this.score < MAX_SCORE) return undefined;
    const text = `the packets of the peer cost more than ${TOO_DEAR} times the processor time that such packets need`;
    return new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', text);
  }
}
