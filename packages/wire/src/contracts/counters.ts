import type { SessionRole } from './diagnostics.js';
import type { ServiceLevel } from './service-level.js';

/**
 * Numbers that only grow, by family and label, such as `dropped` by reason. A label is of a closed set (a reason, an error
 * code, a direction): never an address, a session, or anything that a peer chooses.
 */
export type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What a path, or several together, have carried. Bytes and packets since the beginning. */
export interface Traffic {
  /** Payload of streams: sent, with what went out again; received, without duplicates. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly duplicateBytes: number;
  /** Payload that was sent here although another path had it under way. */
  readonly reinjectedBytes: number;
  /** UDP payload. */
  readonly wireSentBytes: number;
  readonly wireReceivedBytes: number;
  readonly sentPackets: number;
  readonly lostPackets: number;
}

/** A connected path as it is now. Times in milliseconds. */
export interface PathReading extends Traffic {
  readonly pathId: number;
  readonly address: string;
  /** The peer's own name for itself; '' when it gave none. */
  readonly server: string;
  readonly primary: boolean;
  /** One of the states of @kwik/paths. */
  readonly state: string;
  /** What its packets say beside the state. */
  readonly flow: 'steady' | 'stalled' | 'settling';
  readonly reason: string;
  /** Why it gets nothing new now, in words; '' when it is used. */
  readonly unused: string;
  readonly sinceMs: number;
  readonly rttMs: number;
  readonly minRttMs: number;
  readonly rttVarMs: number;
  /** 0 to 1, of the recent past. */
  readonly lossRate: number;
  readonly windowBytes: number;
  readonly inFlightBytes: number;
  /** What the path brought here in the recent past, and what QUIC thinks that it can take; bytes per second. */
  readonly receivedBytesPerSecond: number;
  readonly deliveryRateBytesPerSecond: number;
  readonly datagramBytes: number;
  readonly realStreams: number;
  /** QUIC packets under the keys in use now, sent or received, whichever are more. */
  readonly keyPackets: number;
  /** How often it got another connection, and with it new keys, while it lived. */
  readonly renewals: number;
  /** When the certificate that the other end showed runs out, milliseconds since 1970; 0: it showed none. */
  readonly certificateUntilMs: number;
}

/** A path without a connection: being connected for the first time or again, or dead. */
export interface LostPath {
  readonly pathId: number;
  readonly address: string;
  readonly server: string;
  readonly primary: boolean;
  readonly state: string;
  readonly reason: string;
}

/** A session as it is now. */
export interface SessionReading {
  readonly sessionId: string;
  readonly role: SessionRole;
  readonly openedAtMs: number;
  readonly nowMs: number;
  readonly streams: number;
  readonly paths: readonly PathReading[];
  readonly service: ServiceLevel;
  /** The last of its paths that have no connection; looked up only when it is called. */
  lost(): readonly LostPath[];
  /** What paths that are gone have carried, by the name of their server. */
  readonly departed: ReadonlyMap<string, Traffic>;
  readonly counts: Counts;
}

/** A listener, a socket, a relay: what it has counted, and what there is of it now. */
export interface ComponentReading {
  readonly counts: Counts;
  /** Numbers that rise and fall, by family and label. */
  readonly levels: Counts;
}

export interface SessionSource {
  readonly kind: 'session';
  /** So that who looks for one role need not read the others. */
  readonly role: SessionRole;
  read(): SessionReading;
}

export interface ComponentSource {
  readonly kind: 'component';
  /** What it is, such as `endpoint`, `listener`, `relay`, `discovery`, `trust`, `scaling`. */
  readonly component: string;
  read(): ComponentReading;
}

/** Who keeps counters. `read` is called at a scrape, for thousands of sources: it asks nothing of the network or the kernel. */
export type CounterSource = SessionSource | ComponentSource;
