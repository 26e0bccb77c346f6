import { PeerMemory } from './peer-memory.js';

/** RFC 8899, section 5.1.1 (PMTU_RAISE_TIMER): after so long a path is asked again. */
const LIFE_MS = 600_000;

/** What paths to peers were found to carry, where that is less than the route's MTU: the next connection need not lose datagrams over it. */
export class SizeMemory {
  private readonly limits = new PeerMemory<number>(LIFE_MS);

  get size(): number {
    return this.limits.size;
  }

  /** Above `bytes` nothing arrives at the peer. */
  note(peer: string, bytes: number, now: number): void {
    this.limits.note(peer, bytes, now);
  }

  /** Undefined when nothing is known against larger datagrams. */
  limitOf(peer: string, now: number): number | undefined {
    return this.limits.of(peer, now);
  }
}
