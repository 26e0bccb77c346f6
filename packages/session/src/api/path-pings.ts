/** Asking the other end of one path whether it is there. */
export interface PathPings {
  /**
   * Sends one question over the path, which the other end's session answers at once, and resolves with how long that took
   * there and back. Rejects with ERR_KWIK_PATH_NOT_FOUND, ERR_KWIK_PATH_DEAD (also when the path dies before the answer),
   * ERR_KWIK_TIMEOUT, ERR_KWIK_SESSION_CLOSED, and ERR_KWIK_INVALID_ARGUMENT for a time that cannot be.
   */
  pingPath(pathId: number, options?: PingOptions): Promise<PathPing>;
}

export interface PingOptions {
  /** How long the answer may take, milliseconds, from 1 to 60,000. Default: 5,000. */
  readonly timeoutMs?: number;
  /**
   * Makes the question longer by so many bytes, from 0 to 1,024; the answer stays short. A few dozen long ones at once are enough
   * data for the path to find out how large its datagrams may be. Default: 0.
   */
  readonly paddingBytes?: number;
}

export interface PathPing {
  /** There and back, milliseconds. What QUIC sends again of a lost packet is part of it. */
  readonly rttMs: number;
  /**
   * How far the other end's wall clock is ahead of this one's, milliseconds; known to within half of `rttMs`. Undefined when
   * the other end does not tell the time.
   */
  readonly clockAheadMs: number | undefined;
}
