import type { ServerRecord } from '@kwik/wire';

/** A server that may be chosen, with what is known of how it does. */
export interface Candidate {
  readonly key: string;
  readonly record: ServerRecord;
  readonly knownSinceMs: number;
  /** Its round trip as Peak-EWMA has it; undefined before anything was measured. */
  readonly rttMs: number | undefined;
  /** Why it is put out for its failures; undefined: it is not. */
  readonly ejected: string | undefined;
  /** From 0 to 1, as whoever judges servers has it; 1 where nobody does. */
  readonly trust: number;
  /** Why whoever judges servers refuses it. */
  readonly refused: string | undefined;
}
