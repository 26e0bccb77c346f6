/** RFC 8899, section 5.1.1 (PMTU_RAISE_TIMER): after so long a path is asked again. */
const LIFE_MS = 600_000;
/** Peers behind paths that carry less than their route: more are forgotten, the oldest first. */
const MAX_PEERS = 1_024;

interface Limit {
  readonly bytes: number;
  readonly untilMs: number;
}

/** What paths to peers were found to carry, where that is less than the route's MTU: the next connection need not lose datagrams over it. */
export class SizeMemory {
  private readonly limits = new Map<string, Limit>();

  get size(): number {
    return this.limits.size;
  }

  /** Above `bytes` nothing arrives at the peer. */
  note(peer: string, bytes: number, now: number): void {
    this.limits.delete(peer);
    for (const oldest of this.limits.keys()) {
      if (this.limits.size < MAX_PEERS) break;
      this.limits.delete(oldest);
    }
    this.limits.set(peer, { bytes, untilMs: now + LIFE_MS });
  }

  /** Undefined when nothing is known against larger datagrams. */
  limitOf(peer: string, now: number): number | undefined {
    const limit = this.limits.get(peer);
    if (limit === undefined || now < limit.untilMs) return limit?.bytes;
    this.limits.delete(peer);
    return undefined;
  }
}
