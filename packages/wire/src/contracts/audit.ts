import type { ErrorCode } from '../errors/error-table.js';
import type { KwikError } from '../errors/kwik-error.js';

/** What an end writes down for an auditor. Names are written into logs that outlive the program: add, don't rename. */
export type AuditKind =
  | 'listener-opened'
  | 'listener-closed'
  | 'session-opened'
  | 'session-closed'
  | 'path-joined'
  | 'path-lost'
  /** Somebody did not get in, or did not get what was asked for; `code` says why. */
  | 'refused'
  /** A peer broke a rule; its connection was ended at once. */
  | 'violation'
  | 'token-issued'
  | 'token-accepted'
  /** A certificate, a signing key or an authority came, went or was replaced. */
  | 'key-changed'
  /** A policy was loaded or replaced. */
  | 'policy-changed'
  /** A server was put under quarantine, excluded or let back in. */
  | 'trust-changed';

/**
 * One thing that happened. No secrets and no content: identities, addresses, ids and codes. Texts may come from a peer; a
 * sink bounds them and writes them so that they cannot pass for anything else.
 */
export interface AuditEvent {
  readonly kind: AuditKind;
  readonly role?: 'client' | 'primary' | 'secondary';
  /** It opens nothing by itself. */
  readonly sessionId?: string;
  readonly pathId?: number;
  /** Who it was, as authentication established it. */
  readonly identity?: string;
  /** `host:port` of the other end. */
  readonly peer?: string;
  readonly code?: ErrorCode;
  /** One line for a person. */
  readonly detail?: string;
  /** Public facts by name: the id of a token, the pin of a key, times as ISO 8601. */
  readonly facts?: Readonly<Record<string, string | number>>;
}

/** Where audit events go. */
export interface AuditSink {
  /** Takes the event at once, and writes it in its own time; never throws. */
  record(event: AuditEvent): void;
  /** Set while events cannot be written and the policy says that work stops then: nobody is let in until it is undefined. */
  readonly fault: KwikError | undefined;
}
