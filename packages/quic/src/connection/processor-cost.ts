import { KwikError } from '@kwik/wire';

/** One packet of so many is timed: that costs a tenth of a microsecond. */
export const SAMPLE_EVERY = 8;
/** What quiche needs for a packet on a slow machine; on a current one it is a third of that. */
const USUAL_MS = 0.02;
const USUAL_MS_PER_BYTE = 0.00002;
/** Who costs so many times that makes quiche or its user search, copy or sort on purpose. */
const TOO_DEAR = 10;
/** Dear packets in excess of cheap ones. A process that is scheduled away now and then does not come to that. */
const MAX_SCORE = 32;
/** Of a turn no more counts: the process was suspended, or the garbage of all connections collected. */
const MAX_TURN_MS = 50;
/** Time in turns that the traffic does not explain, ten times over. It is forgiven at a quarter of a processor. */
const MAX_EXCESS_MS = 1_000;
const FORGIVEN_PER_MS = 0.25;

/** Bounds the processor time that a peer costs: its packets in the backend, and its turns in all that is told of them. */
export class ProcessorCost {
  private packets = 0;
  private score = 0;
  private explainedMs = 0;
  private excessMs = 0;
  private settledMs: number;

  constructor(now: number) {
    this.settledMs = now;
  }

  /** Whether the next packet is to be timed. */
  get samples(): boolean {
    this.packets += 1;
    return this.packets % SAMPLE_EVERY === 0;
  }

  /** The backend took `ms` for a packet of `bytes`. */
  packet(bytes: number, ms: number): void {
    this.score = ms > TOO_DEAR * usualMs(bytes) ? this.score + 1 : Math.max(0, this.score - 1);
  }

  /** A packet of `bytes` came or went: it explains some of the next turn's time. */
  explain(bytes: number): void {
    this.explainedMs += usualMs(bytes);
  }

  /** A turn took `ms`, handlers included. */
  turn(ms: number, now: number): void {
    const forgivenMs = TOO_DEAR * this.explainedMs + FORGIVEN_PER_MS * (now - this.settledMs);
    this.excessMs = Math.max(0, this.excessMs + Math.min(ms, MAX_TURN_MS) - forgivenMs);
    this.explainedMs = 0;
    this.settledMs = now;
  }

  /** The error to close with when the peer costs too much. */
  problem(): KwikError | undefined {
    if (this.score < MAX_SCORE && this.excessMs < MAX_EXCESS_MS) return undefined;
    const text = `the packets of the peer cost more than ${TOO_DEAR} times the processor time that such packets need`;
    return new KwikError('ERR_KWIK_EXCESSIVE_LOAD', text);
  }
}

function usualMs(bytes: number): number {
  return USUAL_MS + USUAL_MS_PER_BYTE * bytes;
}
