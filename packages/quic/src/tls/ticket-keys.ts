import { hkdfSync } from 'node:crypto';

/** What a ticket may open is as old as this: nobody who gets hold of a key can read more of what came early. */
const KEY_LIFE_MS = 6 * 3_600_000;
/** Connections that may begin with early data under one key, which remembers them all: some megabytes. */
const MAX_EARLY = 65_536;
/** Of BoringSSL: a name, and the keys of HMAC and AES, 16 bytes each. */
const KEY_BYTES = 48;

/** A key of tickets. Another one has another `serial`. */
export interface TicketKey {
  readonly key: Uint8Array;
  readonly serial: string;
}

/**
 * The keys of a listener's tickets. They hold for everything that a session was made under, and for six hours of the wall
 * clock: a ticket of another certificate, of another configuration or of before is none, and its client has a full handshake.
 */
export class TicketKeys {
  private early = new Set<string>();
  /** Those of the key before: some of its last handshakes may be under way. */
  private earlyBefore: ReadonlySet<string> = new Set<string>();
  private epoch = 0;
  private rolls = 0;
  private made: TicketKey | undefined;

  /**
   * `madeUnder`: what it is, as text. Processes with the same `secret` open each other's tickets, if that is the same, too;
   * where there are such (`isShared`) the key is that of the wall clock's hours and of nothing else.
   */
  constructor(
    private readonly secret: Uint8Array,
    private readonly madeUnder: string,
    private readonly isShared = false,
  ) {}

  current(wallMs: number): TicketKey {
    const epoch = Math.floor(wallMs / KEY_LIFE_MS);
    if (this.made !== undefined && epoch === this.epoch) return this.made;
    // Where the clock was put back no key of before comes again, for it may have been forgotten what came early under it.
    if (epoch < this.epoch && !this.isShared) this.rolls += 1;
    this.epoch = epoch;
    return this.change();
  }

  /**
   * Whether a connection may begin with early data, which has one id or, after a Retry, two: one connection only for each id
   * in the life of a key, so that a first flight that is sent again does nothing (RFC 8446, section 8). The client's id is its
   * choice; each packet of early data holds the one that it goes to in its authenticated part (RFC 9001, section 5.3).
   */
  admitEarly(ids: readonly Uint8Array[]): boolean {
    const keys = ids.map((id) => Buffer.from(id).toString('latin1'));
    const isFirst = !keys.some((key) => this.early.has(key) || this.earlyBefore.has(key));
    // All of them, although one be known already: what was copied may go to the other.
    for (const key of keys) this.remember(key);
    return isFirst;
  }

  private remember(key: string): void {
    if (this.early.has(key)) return;
    if (this.early.size >= MAX_EARLY) {
      this.rolls += 1;
      this.change();
    }
    this.early.add(key);
  }

  /** What began early is forgotten with the key after next: nothing that was sealed with its own is opened any more. */
  private change(): TicketKey {
    this.earlyBefore = this.early;
    this.early = new Set();
    const serial = `${this.epoch}.${this.rolls}`;
    const key = hkdfSync('sha256', this.secret, serial, `kwik session tickets\n${this.madeUnder}`, KEY_BYTES);
    this.made = { key: new Uint8Array(key), serial };
    return this.made;
  }
}
