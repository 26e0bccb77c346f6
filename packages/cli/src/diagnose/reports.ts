/** What `kwik ping` and `kwik doctor` found out. All times in milliseconds; the objects are what `--json` prints. */

/** Questions that were asked over one path, and what came back. */
export interface Rounds {
  readonly asked: number;
  readonly answered: number;
  /** Of those that were answered; null when none was. */
  readonly minMs: number | null;
  readonly avgMs: number | null;
  readonly maxMs: number | null;
}

export interface PathReport {
  readonly id: number;
  readonly address: string;
  /** The server's name for itself; '' when it gave none. */
  readonly server: string;
  readonly primary: boolean;
  /** The relay that it leads through; null for a direct one. */
  readonly via: string | null;
  readonly state: string;
  /** `standby`: it is well, and what this end writes goes elsewhere. */
  readonly verdict: 'carries' | 'standby' | 'degraded' | 'down';
  /** Why it is not simply `carries`; '' when it is. */
  readonly reason: string;
  readonly rounds: Rounds;
  /** QUIC packets, all since the path was opened. */
  readonly sentPackets: number;
  readonly lostPackets: number;
  /**
   * The largest UDP payload that is sent now, bytes; null when not known. A connection begins with 1,200, and finds out how
   * much more the path carries when there is data to send, which `kwik doctor` sends.
   */
  readonly datagramBytes: number | null;
  /** When the certificate of the server runs out (ISO 8601); null when it showed none. */
  readonly certificateUntil: string | null;
  /** How far the server's clock is ahead of this machine's; null when not known. */
  readonly clockAheadMs: number | null;
}

/** Whether UDP gets to a server and back. `unknown`: it did not come to that, for the name is not known. */
export type UdpVerdict = 'open' | 'refused' | 'silent' | 'unknown';

interface Problem {
  readonly code: string;
  /** What is wrong, and what to do, in words. */
  readonly message: string;
}

export interface ServerReport {
  /** As the user named it. */
  readonly address: string;
  readonly udp: UdpVerdict;
  /** Until a session was open; null when none could be opened. */
  readonly connectMs: number | null;
  /** Why there is no session. */
  readonly problem: Problem | null;
  readonly paths: readonly PathReport[];
  /** Further servers that this one named, and that were not reached or not let in, or relays that did not help. */
  readonly refused: readonly { readonly address: string; readonly reason: string }[];
}

/** Collects answers of one path. */
export class RoundTally {
  #asked = 0;
  readonly #times: number[] = [];

  add(rttMs: number | undefined): void {
    this.#asked += 1;
    if (rttMs !== undefined) this.#times.push(rttMs);
  }

  read(): Rounds {
    const times = this.#times;
    const answered = times.length;
    const figures =
      answered === 0
        ? { minMs: null, avgMs: null, maxMs: null }
        : {
            minMs: Math.min(...times),
            avgMs: times.reduce((sum, time) => sum + time, 0) / answered,
            maxMs: Math.max(...times),
          };
    return { asked: this.#asked, answered, ...figures };
  }
}
