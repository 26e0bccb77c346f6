/** Of each kind of streams. */
export interface StreamCounts {
  readonly bidi: bigint;
  readonly uni: bigint;
}

/** How far the numbering of streams has come, counted from the session's beginning, as one end sees it. */
export interface StreamNumbers {
  /** Opened here. */
  readonly own: StreamCounts;
  /** Heard of that the peer opened. */
  readonly peer: StreamCounts;
  /** That the peer may have opened. */
  readonly peerMayOpen: StreamCounts;
}

/** Where a server goes on that did not begin the session. */
export interface ResumedNumbers extends Pick<StreamNumbers, 'own' | 'peer'> {
  /** How many streams this end may have opened. */
  readonly mayOpen: StreamCounts;
}
