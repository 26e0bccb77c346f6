import type { LinkDirectionOptions } from '@kwik/testbed';
import type { KernelTransfer } from '../netns/mptcp.js';

/** One emulated link; both directions are alike. */
export interface LinkSpec {
  readonly rateMbit: number;
  /** One way. */
  readonly delayMs: number;
  /** Drop-tail queue as time at the rate. Default: 50 ms. */
  readonly queueMs?: number;
  /** Share of packets lost at random in each direction, 0 to 1. */
  readonly lossRate?: number;
  /** Uniform, ± around the delay; never reorders. */
  readonly jitterMs?: number;
}

const DEFAULT_QUEUE_MS = 50;
/** Ten full packets: what is shorter in time still takes a small burst. */
const LEAST_QUEUE_BYTES = 15_000;

/** In the words that both kinds of emulated links have in common. */
export function shapeOf({ rateMbit, delayMs, queueMs = DEFAULT_QUEUE_MS, lossRate = 0, jitterMs = 0 }: LinkSpec): {
  readonly both: Required<
    Pick<LinkDirectionOptions, 'rateBitsPerSecond' | 'delayMs' | 'queueBytes' | 'lossRate' | 'jitterMs'>
  >;
} {
  const queueBytes = Math.max(LEAST_QUEUE_BYTES, Math.round((rateMbit * 1e6 * queueMs) / 8000));
  return { both: { rateBitsPerSecond: rateMbit * 1e6, delayMs, queueBytes, lossRate, jitterMs } };
}

/** What a link did with packets since it was made. */
export interface LinkCount {
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly droppedByQueue: number;
  readonly droppedByLoss: number;
  readonly droppedByCut: number;
}

export interface LinkCounts {
  /** Client to server. */
  readonly up: LinkCount;
  /** Server to client. */
  readonly down: LinkCount;
}

/**
 * N links between a client and servers, in one of two ways: UDP relays on loopback, or tun devices between network
 * namespaces. Order of use: start, start the servers, `connect` each link to a server, start the client.
 */
export interface LinkBed extends AsyncDisposable {
  readonly kind: 'udp' | 'netns';
  readonly specs: readonly LinkSpec[];
  /** What a server that is reached over this link listens on; without a link: over all of them. */
  serverHost(link?: number): string;
  /** IP addresses at which clients reach servers: what certificates must name. */
  readonly hosts: readonly string[];
  /** Where the client dials the server that listens at `port`, over this link: `host:port`. */
  connect(link: number, port: number): Promise<string>;
  /** The command through which processes of this side are started; empty for none. */
  through(side: 'client' | 'server'): readonly string[];
  /** Silence in both directions; nobody is told. Gives the moment (`nowMs`). */
  cut(link: number): Promise<number>;
  heal(link: number): Promise<number>;
  counts(link: number): Promise<LinkCounts>;
  /** Linux's MPTCP over the same links, a subflow each; where the bed has it. */
  mptcp?(bytes: number, maxMs: number): Promise<KernelTransfer>;
}
