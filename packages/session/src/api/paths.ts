import type { PathState } from '@kwik/paths';
import type { ErrorCode, PathId } from '@kwik/wire';

/** Names of the states of a path; see @kwik/paths. */
export type PathStateName = PathState;

/** What a server says of itself. Its word, and no reason to trust it. */
export interface ServerHealth {
  /** From 0 to 1. */
  readonly load: number;
  readonly sessions: number;
  /** False: it is about to stop, and takes nobody new. */
  readonly accepting: boolean;
}

/** A path as it was when asked; the object does not change afterwards. */
export interface PathInfo {
  readonly id: PathId;
  /** `host:port` as it was dialled (client) or as the peer is seen (server). */
  readonly address: string;
  readonly primary: boolean;
  readonly state: PathStateName;
  /** Why it is in this state, when there is something to say. */
  readonly reason?: string;
  /**
   * Why what this end writes does not go over it now, in words; absent when it does, and for paths without a connection,
   * of which `reason` tells.
   */
  readonly unused?: string;
  /** Code of the error that ended it, for dead paths that ended by one. */
  readonly errorCode?: ErrorCode;
  /** Smoothed round-trip time, milliseconds; 0 when not measured yet. */
  readonly rttMs: number;
  /** Bytes per second that the path delivered in the recent past. */
  readonly deliveryRateBytesPerSecond: number;
  /** Payload bytes of logical streams: sent, with what went out again; received, without duplicates. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Payload bytes that came although they were there already. */
  readonly duplicateBytes: number;
  readonly lostPackets: number;
  /** Payload bytes that this end sent here although another path had them under way (reinjection). */
  readonly reinjectedBytes?: number;
  /** UDP payload bytes, both directions apart; for paths of this end. */
  readonly wireSentBytes?: number;
  readonly wireReceivedBytes?: number;
  /** QUIC packets sent, for paths of this end. */
  readonly sentPackets?: number;
  /** QUIC packets under the keys in use now, sent or received, whichever are more; for paths of this end. */
  readonly keyPackets?: number;
  /** How often it got another connection, and with it new keys, while it lived; for paths of this end. */
  readonly renewals?: number;
  /** Server's own name for itself, when it gave one. */
  readonly serverId?: string;
  /** What its server said of itself last (`reportHealth`), at a primary as its client tells it; absent when it said nothing. */
  readonly serverHealth?: ServerHealth;
  /** At the client: the relay, `host:port`, by way of which the path leads to the primary; absent for a direct one. */
  readonly via?: string;
}
