/** More are forgotten, the one that was noted longest ago first. */
const MAX_PEERS = 1_024;

/** What was learned of paths to peers, each for `lifeMs`. */
export class PeerMemory<T> {
  private readonly entries = new Map<string, { readonly what: T; readonly untilMs: number }>();

  constructor(private readonly lifeMs: number) {}

  get size(): number {
    return this.entries.size;
  }

  /** In place of what was known. */
  note(peer: string, what: T, now: number): void {
    this.forget(peer);
    for (const oldest of this.entries.keys()) {
      if (this.entries.size < MAX_PEERS) break;
      this.entries.delete(oldest);
    }
    this.entries.set(peer, { what, untilMs: now + this.lifeMs });
  }

  of(peer: string, now: number): T | undefined {
    const entry = this.entries.get(peer);
    if (entry === undefined || now < entry.untilMs) return entry?.what;
    this.forget(peer);
    return undefined;
  }

  forget(peer: string): void {
    this.entries.delete(peer);
  }
}
