import type { ClientHandshakeResult } from '@kwik/kcp';
import type { EstablishedPath } from './established-path.js';
import type { JoinAttempt } from './primary-paths.js';

/** What `open` learned, for the paths that follow. */
export interface OpenedSession extends ClientHandshakeResult {
  /** SHA-256 of the primary's SPKI when it last proved to be it, hexadecimal; undefined without certificates. */
  primaryPin: string | undefined;
  /** The name that the certificate of a primary has which took the session over. */
  primaryName?: string;
  /** How many primaries the session has had before this one: what leads to one of those comes too late. */
  takeovers: number;
}

/** Another connection to the primary, and what it is to be. */
export type RejoinedRoute = Pick<EstablishedPath, 'id' | 'address' | 'via'> &
  Pick<OpenedSession, 'takeovers'> &
  Partial<Pick<JoinAttempt, 'onTaken'>>;
