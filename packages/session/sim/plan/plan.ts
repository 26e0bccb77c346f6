import type { LinkShape } from '@kwik/testbed';
import type { SessionLimits } from '../../src/api/options.js';
import type { WriteRouting } from '../../src/api/options.js';

/** Everything that one seed decides. Times are milliseconds of virtual time since the beginning; sizes are bytes. */
export interface Plan {
  readonly seed: number;
  readonly clientLimits: SessionLimits;
  readonly serverLimits: SessionLimits;
  /** The first is the primary. */
  readonly servers: readonly ServerPlan[];
  /** Zero point of the client's clock. */
  readonly clientOffsetMs: number;
  /** Links of the client's further local addresses to the primary (multi-homing); mostly none. */
  readonly homes: readonly LinkShape[];
  readonly clientRouting: WriteRouting;
  readonly serverRouting: WriteRouting;
  readonly scheduler: string;
  readonly streams: readonly StreamPlan[];
  readonly contents: readonly ContentPlan[];
  readonly contributions: readonly ContributionPlan[];
  readonly raws: readonly RawPlan[];
  readonly paths: readonly PathPlan[];
  readonly faults: readonly Fault[];
  /** Another client of the primary, that spends the primary's memory and time; mostly none. */
  readonly spender?: SpenderPlan;
  /** Servers that forward datagrams of a further path to the primary as well. */
  readonly relays?: readonly RelayPlan[];
  /** The primary takes on the other servers by itself, as its client's demand has it. */
  readonly scaling?: boolean;
  /** The first servers take over sessions of each other, and are killed. */
  readonly takeover?: TakeoverPlan;
  /** The client dials a service, and the primary keeps paths to the servers that discovery knows. */
  readonly discovery?: DiscoveryPlan;
}

/**
 * What becomes of announcements; each is over after `durationMs`.
 * - absent: no source names the server; flap: it comes and goes
 * - lie: it says another load twice a second, whatever it has to do
 * - drain: it takes nobody new; incapable: it does not offer copies of contents
 * - refused: whoever judges servers has something against it
 * - stranger: somebody who has no key of the service names a server of his own; forge: one with the id of the server
 * - unsigned, alter: the record of the server names another address, without a signature, or with the one that was there
 * - replay: an older record of the server is said again, signed for the address where it was before; stale: one that is past its time
 * - fail: a source fails, again and again; silent: it says nothing new
 */
export const ANNOUNCEMENT_KINDS = [
  'absent',
  'flap',
  'lie',
  'drain',
  'incapable',
  'refused',
  'stranger',
  'forge',
  'unsigned',
  'alter',
  'replay',
  'stale',
  'fail',
  'silent',
] as const;
export type AnnouncementKind = (typeof ANNOUNCEMENT_KINDS)[number];

export interface AnnouncementPlan {
  readonly kind: AnnouncementKind;
  readonly atMs: number;
  readonly durationMs: number;
  /** Number of a server; the primary's is only forged. */
  readonly server: number;
  /** Which of the two sources says it, or is in trouble, where that matters. */
  readonly source: number;
}

export interface DiscoveryPlan {
  /** Paths to other servers that the session is to have. */
  readonly count: number;
  /** Primaries of the service that are announced, and do not answer. */
  readonly deadPrimaries: number;
  readonly announcements: readonly AnnouncementPlan[];
}

export interface TakeoverPlan {
  /** Servers that share a key; each has the next one as its standby, the last the first. */
  readonly fleet: number;
  /** Of whoever is the primary then, one after the other. */
  readonly kills: readonly KillPlan[];
  /** The last kill is of all servers of the fleet, and none comes back. */
  readonly all: boolean;
}

export interface KillPlan {
  /** Since the session has this primary, as the client knows. */
  readonly afterMs: number;
  /** Another process takes its place, which knows nothing. */
  readonly restartMs: number;
}

/** Fewer may go by while a new connection is made on a fast and long link: then the path is closed, and connected again. */
export const TIGHT_PACKETS_PER_KEY = 1000;

/** Single bytes with holes between them, windows that open, words that the peer is blocked, questions, resets. */
export const SPEND_KINDS = ['holes', 'windows', 'blocked', 'pings', 'resets'] as const;
export type SpendKind = (typeof SPEND_KINDS)[number];

export interface SpenderPlan {
  readonly atMs: number;
  readonly kind: SpendKind;
  /** Of 200 frames. */
  readonly packets: number;
}

/** What a server has of each content: all, nothing, other bytes, a source that fails or gives too few bytes, or is slow. */
export type ReplicaKind = 'good' | 'none' | 'liar' | 'failing' | 'short' | 'slow';

export interface ServerPlan {
  readonly index: number;
  readonly host: string;
  readonly shape: LinkShape;
  readonly offsetMs: number;
  readonly wallSkewMs: number;
  readonly replica: ReplicaKind;
  /**
   * What it does that it may not, and when. Such a server is never told to contribute; it has the capability all the same
   * when it trespasses.
   */
  readonly evil: readonly EvilPlan[];
}

export const EVIL_KINDS = [
  'garbage-data',
  'garbage-control',
  'half-packet',
  'huge-length',
  'many-streams',
  'bidi-stream',
  'end-control',
  'stream-frame',
  'range-frame',
  'reset-frame',
  'stop-frame',
  'max-streams-frame',
  'window-frame',
  'ack-unsent',
  'raw-flood',
  'command',
  'trespass',
] as const;
export type EvilKind = (typeof EVIL_KINDS)[number];

/** Whether a server writes into streams where the primary granted it nothing. */
export function trespasses({ evil }: Pick<ServerPlan, 'evil'>): boolean {
  return evil.some(({ kind }) => kind === 'trespass');
}

export interface EvilPlan {
  readonly atMs: number;
  readonly kind: EvilKind;
}

export type Side = 'client' | 'primary';

/** How somebody reads: at once, with pauses, not before everybody else is done, or only up to an offset. */
export type ReaderPlan =
  | { readonly kind: 'eager' }
  | { readonly kind: 'slow'; readonly pauseMs: number }
  | { readonly kind: 'stalled' }
  | { readonly kind: 'stop'; readonly atByte: number; readonly code: number };

export interface DirectionPlan {
  readonly seed: number;
  readonly size: number;
  readonly chunkBytes: number;
  /** Between two writes; 0 mostly. */
  readonly pauseMs: number;
  /** Resets instead of an orderly end. */
  readonly reset: { readonly atByte: number; readonly code: number } | undefined;
  readonly reader: ReaderPlan;
}

export interface StreamPlan {
  readonly name: string;
  readonly opener: Side;
  readonly startMs: number;
  readonly priority: number;
  /** Waits for credit; otherwise a full table is an error that the opener retries after a pause. */
  readonly sync: boolean;
  readonly forward: DirectionPlan;
  /** Undefined for unidirectional streams. */
  readonly backward: DirectionPlan | undefined;
}

export interface ContentPlan {
  readonly name: string;
  readonly startMs: number;
  readonly seed: number;
  readonly head: number;
  readonly size: number;
  readonly tail: number;
  readonly reader: ReaderPlan;
}

export interface ContributionPlan {
  readonly name: string;
  readonly startMs: number;
  readonly seed: number;
  /** Written by the primary, skipped for a secondary, and so on in turns; the last is the primary's. */
  readonly parts: readonly number[];
  readonly pieceBytes: number;
}

export interface RawPlan {
  readonly index: number;
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
  readonly size: number;
}

export interface PathPlan {
  readonly atMs: number;
  readonly action: 'add' | 'remove';
  readonly server: number;
}

export const FAULT_KINDS = [
  'cut',
  'flap',
  'one-way',
  'loss',
  'burst',
  'stall',
  'reorder',
  'duplicate',
  'corrupt',
  'slow',
  'delay',
  'crash',
  'usurp',
  'sleep',
  'mute',
  'shuffle',
  'break',
] as const;

/**
 * How each is modelled; all end after `durationMs`, and then the world is well again.
 * - cut: nothing gets through either way, what is under way is lost
 * - flap: cut and healed several times
 * - one-way: one direction is cut, the other is not
 * - loss, burst: datagrams are lost, at random or in bursts (Gilbert-Elliott); QUIC repeats them
 * - stall: datagrams of one or both directions wait and arrive all at once
 * - reorder, duplicate: datagrams overtake each other or come twice
 * - corrupt: as QUIC drops what does not decrypt, loss; with duplicates, as a corrupted copy leaves the good one
 * - slow: the rate falls to a trickle; delay: the way becomes much longer
 * - crash: the server's process dies without a word and loses all it knew; another starts in its place
 * - usurp: as crash, and until another starts somebody answers in its place who passes TLS and knows nothing of its sessions
 * - sleep: the process (server or client) does not run; its timers and input come late
 * - mute: the control stream delivers nothing, data goes on (lost control messages)
 * - shuffle: every second data stream delivers nothing, so that streams overtake each other
 * - break: the connection ends at one side with an error, and the other is not told
 */
type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly durationMs: number;
  /** Number of a server, or the client (only `sleep`). */
  readonly target: number | 'client';
  /** Which link to the primary: 0 is the first, the others are the further homes. */
  readonly home: number;
  readonly direction: 'up' | 'down' | 'both';
  /** 0 to 1: how bad, where that means something. */
  readonly severity: number;
}

/**
 * What a relay does with what it should pass on; each ends after `durationMs`.
 * - alter: as QUIC drops what does not decrypt, loss; with duplicates, as the good datagram may come besides
 * - replay: datagrams come twice; drop, delay, reorder: as their names say
 * - silence: nothing passes, and nobody is told; forget: the same of what passes now, and new connections pass
 * - mislead: connections lead to another server
 * - drain: it says that it is about to stop
 */
export const RELAY_FAULT_KINDS = [
  'alter',
  'replay',
  'drop',
  'delay',
  'reorder',
  'silence',
  'forget',
  'mislead',
  'drain',
] as const;

export interface RelayFault {
  readonly kind: (typeof RELAY_FAULT_KINDS)[number];
  readonly atMs: number;
  readonly durationMs: number;
  /** 0 to 1: how bad, where that means something. */
  readonly severity: number;
}

export interface RelayPlan {
  /** Number of the server. */
  readonly server: number;
  /** Of the way through it, from the client to the primary. */
  readonly shape: LinkShape;
  readonly faults: readonly RelayFault[];
}

/** When the last fault is over. */
export function healedAtMs(plan: Plan): number {
  const { announcements = [] } = plan.discovery ?? {};
  const faults = [...plan.faults, ...announcements, ...(plan.relays ?? []).flatMap((relay) => relay.faults)];
  return faults.reduce((latest, fault) => Math.max(latest, fault.atMs + fault.durationMs), 0);
}
