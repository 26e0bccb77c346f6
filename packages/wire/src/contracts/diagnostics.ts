import type { ErrorCode } from '../errors/error-table.js';
import type { Traffic } from './counters.js';

/**
 * What KWIK tells of itself while it runs. Events go over `node:diagnostics_channel`, one channel for each name below, and
 * cost a look at `hasSubscribers` while nobody listens. What is counted stands in `counters.ts`, and is read when asked.
 *
 * A subscriber is called in the middle of a session's turn: it copies what it needs and returns. Node ends the process for
 * what a subscriber throws, so it catches.
 */

export type SessionRole = 'client' | 'primary' | 'secondary';

/** Which session an event is about. Times are milliseconds on the clock of that session. */
export interface OfSession {
  readonly sessionId: string;
  readonly role: SessionRole;
  readonly atMs: number;
}

/** Which path of it. `server` is the peer's own name for itself, '' when it gave none. */
export interface OfPath extends OfSession {
  readonly pathId: number;
  readonly address: string;
  readonly server: string;
}

export interface SessionOpened extends OfSession {
  /** At a server that took it over: the primary before, by its name for itself or its address; '' where that did not say. */
  readonly takenFrom?: string;
}

export interface SessionClosed extends OfSession {
  /** Who ended it: the application here or there, or a failure that this end saw. */
  readonly by: 'local' | 'peer' | 'error';
  readonly code: number;
  readonly reason: string;
  readonly errorCode?: ErrorCode;
  readonly durationMs: number;
  /** What all its paths have carried together. */
  readonly traffic: Traffic;
}

/** A path appeared or changed its state; `state` is one of those of @kwik/paths. */
export interface PathChanged extends OfPath {
  readonly primary: boolean;
  readonly state: string;
  /** Why, in words; '' when there is nothing to say. */
  readonly reason: string;
  readonly errorCode?: ErrorCode;
}

/** Why what a path owed was sent elsewhere, by the first sign of it. */
export type FailoverCause = 'stalled' | 'suspected' | 'dead';

/** While streams were open a path stopped delivering, and others have taken over. */
export interface PathFailover extends OfPath {
  readonly cause: FailoverCause;
  /** From the last packet of the path until another could take over what it owed, milliseconds. */
  readonly gapMs: number;
  readonly reason: string;
}

/** A peer broke the rules; its path is closed for it. */
export interface PeerViolation extends OfPath {
  readonly code: ErrorCode;
  readonly message: string;
}

/** An attempt to open a session, or a path of one, has ended. */
export interface HandshakeFinished {
  /** Which end tells of it. */
  readonly side: 'client' | 'server';
  /** Of the other end, `host:port`. */
  readonly address: string;
  readonly purpose: 'open' | 'join' | 'return' | 'renew' | 'takeover' | 'unknown';
  readonly result: 'ok' | ErrorCode;
  readonly message: string;
  readonly durationMs: number;
}

/** A client did not reach, or would not dial, a server that its primary named, or a relay that it chose itself. */
export interface PathRefused extends OfSession {
  readonly address: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** A stream's content from several servers has begun, or ended. */
export interface ContentStarted extends OfSession {
  readonly streamId: bigint;
  readonly bytes: number;
  readonly sources: number;
}

export interface ContentFinished extends OfSession {
  readonly streamId: bigint;
  readonly bytes: number;
  /** Absent when it is complete. */
  readonly errorCode?: ErrorCode;
  readonly message: string;
}

/** A datagram relay opened, closed or refused a flow between a client and its server, `host:port` each. */
export interface RelayFlow {
  readonly client: string;
  /** '' where the client left the choice to the relay. */
  readonly anchor: string;
  readonly change: 'opened' | 'closed' | 'refused';
  /** Why it was refused, in words. */
  readonly reason: string;
}

/** Discovery learned something of a server, or decided for or against it. */
export interface ServerDiscovered {
  /** Its id, or the address of a server without one; '' where it is of several servers, or of none. */
  readonly server: string;
  /** The service. */
  readonly source: string;
  /** `unhealthy`: out of the choice for a time; `healthy`: in it again. */
  readonly change: 'found' | 'changed' | 'lost' | 'healthy' | 'unhealthy' | 'chosen' | 'not-chosen';
  /** In words; for `not-chosen` what speaks against it. */
  readonly reason: string;
  /** How many changes of this kind it stands for, where there were too many to tell of each. Default: 1. */
  readonly count?: number;
}

/** Access control let somebody do something or not, or trust in servers let one be used or not. */
export interface TrustDecided {
  /** The identity, or the address where there is none; of a server its address. */
  readonly subject: string;
  /** One of access control (`open`, `join`, `content`, …), or `use` of a server. */
  readonly action: string;
  readonly decision: 'allowed' | 'refused';
  /** The rule, and why it was refused, in words. */
  readonly reason: string;
}

/**
 * Which rules a decision is of: how many servers a session has (`scaling`), what an end gives up (`overload`), how much of its service
 * a session has (`service`), and which servers a process dials (`dials`).
 */
export type PolicyDecider = 'scaling' | 'overload' | 'service' | 'dials';

/** What something was measured against, and what it was. */
export interface PolicyBound {
  /** In words: `high share of capacity`. */
  readonly name: string;
  readonly limit: number;
  readonly value: number;
}

/** A step of scaling or of degradation, with the figures that it rests on. */
export interface ScalingStep {
  readonly step: 'add' | 'remove' | 'replace' | 'degrade' | 'restore';
  readonly result: 'done' | 'failed' | 'retried';
  /** '' where it is of no server. */
  readonly server: string;
  readonly reason: string;
  readonly figures: Readonly<Record<string, number>>;
  /** The members below are there in all that KWIK publishes; whoever else publishes may leave them out. */
  readonly decider?: PolicyDecider;
  /** Of whom: all sessions of an end, one of them (`session`), or a server that is dialled (`server`). */
  readonly of?: 'process' | 'session' | 'server';
  /** '' where it is of no session. */
  readonly session?: string;
  /** What it followed from. */
  readonly bound?: PolicyBound;
  /** How many decisions of this kind it stands for, where there were too many to tell of each. Default: 1. */
  readonly count?: number;
}

/** An alert was raised, worsened or resolved; all in words. */
export interface AlertChanged {
  readonly change: 'raised' | 'worsened' | 'resolved';
  /** The same for the same cause. */
  readonly id: string;
  readonly severity: 'warning' | 'critical';
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly normal: string;
  readonly now: string;
  readonly cause: string;
  readonly action: string;
}

/** Each channel by its name, and what is published there. */
export interface DiagnosticEvents {
  readonly 'kwik:session:opened': SessionOpened;
  readonly 'kwik:session:closed': SessionClosed;
  readonly 'kwik:path:changed': PathChanged;
  readonly 'kwik:path:failover': PathFailover;
  readonly 'kwik:path:refused': PathRefused;
  readonly 'kwik:peer:violation': PeerViolation;
  readonly 'kwik:handshake:finished': HandshakeFinished;
  readonly 'kwik:content:started': ContentStarted;
  readonly 'kwik:content:finished': ContentFinished;
  readonly 'kwik:relay:flow': RelayFlow;
  readonly 'kwik:discovery:server': ServerDiscovered;
  readonly 'kwik:trust:decided': TrustDecided;
  readonly 'kwik:scaling:step': ScalingStep;
  readonly 'kwik:alert:changed': AlertChanged;
}

export type DiagnosticName = keyof DiagnosticEvents;

const CHANNELS: Readonly<Record<DiagnosticName, true>> = {
  'kwik:session:opened': true,
  'kwik:session:closed': true,
  'kwik:path:changed': true,
  'kwik:path:failover': true,
  'kwik:path:refused': true,
  'kwik:peer:violation': true,
  'kwik:handshake:finished': true,
  'kwik:content:started': true,
  'kwik:content:finished': true,
  'kwik:relay:flow': true,
  'kwik:discovery:server': true,
  'kwik:trust:decided': true,
  'kwik:scaling:step': true,
  'kwik:alert:changed': true,
};

/** All channels. */
export const DIAGNOSTIC_NAMES = Object.keys(CHANNELS) as readonly DiagnosticName[];
