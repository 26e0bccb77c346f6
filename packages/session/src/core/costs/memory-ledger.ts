import { KwikError } from '@kwik/wire';
import { AheadAccount, LEAST_AHEAD_BYTES } from './ahead-account.js';
import { AheadShares } from './ahead-shares.js';

/**
 * What a piece of a stream costs beside its bytes while it waits: an object, a view, its memory's own header, its place in
 * a list. Measured on Node 20: 338 bytes for pieces of one byte.
 */
export const PIECE_OVERHEAD_BYTES = 320;
/** What a change of writers within joined pieces costs: two numbers, and what a list of them grows ahead. */
export const RUN_OVERHEAD_BYTES = 24;

/**
 * Overhead that a session may cause without bytes that explain it: 52,000 pieces. Two paths of which one is 300 ms longer
 * leave 30,000 pieces behind a gap when 100,000 messages a second alternate between them.
 */
export const FREE_OVERHEAD_BYTES = 16 * 1024 * 1024;

/** Of contents that a peer asked for, and has not taken, for all sessions: what 64 fast paths keep ahead. */
const READ_AHEAD_BYTES = 64 * 1024 * 1024;
/** And for one session: a few contents over a fast path. */
const SESSION_READ_AHEAD_BYTES = 8 * 1024 * 1024;
/**
 * Of what applications wrote and no path has taken yet, for all sessions, and for one. A stream alone has a buffer of 1 MiB, and 1,000
 * of 100 kB each are to find room: among streams of which some had all of it, and others only the least, the former would be ahead.
 */
const WRITE_AHEAD_BYTES = 128 * 1024 * 1024;
const SESSION_WRITE_AHEAD_BYTES = WRITE_AHEAD_BYTES;
/** Of V8's heap, which ends a process at 2 to 4 GB, for all sessions. */
const OVERHEAD_BYTES = 256 * 1024 * 1024;
const HELD_BYTES = 1024 * 1024 * 1024;

export interface MemoryBounds {
  /** Bytes of streams that came and nobody read yet. */
  readonly heldBytes: number;
  /** What the pieces of them cost besides. */
  readonly overheadBytes: number;
  /** Bytes of content read ahead of the paths. */
  readonly readAheadBytes: number;
  /** Bytes that were written ahead of the paths. */
  readonly writeAheadBytes: number;
  /** Overhead that one session may cause without bytes that explain it. */
  readonly freeOverheadBytes: number;
}

const DEFAULT_MEMORY_BOUNDS: MemoryBounds = {
  heldBytes: HELD_BYTES,
  overheadBytes: OVERHEAD_BYTES,
  readAheadBytes: READ_AHEAD_BYTES,
  writeAheadBytes: WRITE_AHEAD_BYTES,
  freeOverheadBytes: FREE_OVERHEAD_BYTES,
};

/** Bytes that sessions hold for their peers. */
export interface MemoryUse {
  /** Of streams that came and nobody read yet. */
  readonly heldBytes: number;
  /** What the pieces of them cost besides. */
  readonly overheadBytes: number;
  /** Of content that peers asked for, read ahead of their paths. */
  readonly readAheadBytes: number;
  /** Of streams that were written here, and that no path has taken yet. */
  readonly writeAheadBytes: number;
  /** Sessions that were ended because they, or all together, held too much. */
  readonly overdrawn: number;
}

/** Who holds an account. */
export interface AccountHolder {
  /** Sessions that name the same peer share what one peer gets. Default: a peer of its own. */
  readonly peer?: string | undefined;
  /** Of what is scarce, a session of weight 2 gets twice what one of weight 1 gets, and so does its peer. Default: 1. */
  readonly weight?: number | undefined;
}

/** The accounts of one peer. */
class PeerAccounts {
  readonly accounts = new Set<MemoryAccount>();

  constructor(readonly key: string | symbol) {}

  /** What the peer holds by its weight, which is that of its weightiest session. */
  level(what: Scarce): number {
    let held = 0;
    let weight = 1;
    for (const account of this.accounts) {
      held += account[what];
      if (account.weight > weight) weight = account.weight;
    }
    return held / weight;
  }

  /** The session that holds most by its weight; of equals `preferred`. */
  largest(what: Scarce, preferred: MemoryAccount): MemoryAccount {
    const [first = preferred] = this.accounts;
    let largest = this.accounts.has(preferred) ? preferred : first;
    for (const account of this.accounts) {
      if (account[what] / account.weight > largest[what] / largest.weight) largest = account;
    }
    return largest;
  }
}

type Scarce = 'heldBytes' | 'overheadBytes';

/**
 * What peers make a process hold: every buffer that a peer fills, or has filled, is charged to the account of its session,
 * and by it to the process. A session that causes far more than its bytes explain is ended; when all sessions together
 * exceed a bound, the largest one of the peer that is furthest above its fair share loses.
 */
export class MemoryLedger {
  readonly bounds: MemoryBounds;
  readonly #peers = new Map<string | symbol, PeerAccounts>();
  readonly #readShares: AheadShares;
  readonly #writeShares: AheadShares;
  #held = 0;
  #overhead = 0;
  #readAhead = 0;
  #writeAhead = 0;
  #overdrawn = 0;

  constructor(bounds: Partial<MemoryBounds> = {}) {
    this.bounds = { ...DEFAULT_MEMORY_BOUNDS, ...bounds };
    this.#readShares = new AheadShares({
      allBytes: this.bounds.readAheadBytes,
      sessionBytes: SESSION_READ_AHEAD_BYTES,
    });
    this.#writeShares = new AheadShares({
      allBytes: this.bounds.writeAheadBytes,
      sessionBytes: SESSION_WRITE_AHEAD_BYTES,
    });
  }

  /** While memory is short, so many times less is read, and taken of what is written, ahead of the paths. */
  set aheadDivisor(divisor: number) {
    this.#readShares.divisor = divisor;
    this.#writeShares.divisor = divisor;
  }

  get use(): MemoryUse {
    return {
      heldBytes: this.#held,
      overheadBytes: this.#overhead,
      readAheadBytes: this.#readAhead,
      writeAheadBytes: this.#writeAhead,
      overdrawn: this.#overdrawn,
    };
  }

  /**
   * @param end ends the session, and lets go of what it holds: it holds too much. Called at most once
   * @param relieve called before that: lets go of overhead for which one of the session's paths alone is to blame; false when
   *   there is no such path
   */
  open(
    end: (error: KwikError) => void,
    relieve: (error: KwikError) => boolean = () => false,
    { peer, weight = 1 }: AccountHolder = {},
  ): MemoryAccount {
    const key = peer ?? Symbol('a peer of its own');
    const of = this.#peers.get(key) ?? new PeerAccounts(key);
    this.#peers.set(key, of);
    const holder = { peer: of, weight };
    const reading = new AheadAccount({
      ...{ shares: this.#readShares, holder },
      onChange: (bytes) => {
        this.#readAhead += bytes;
        if (bytes > 0) this.#readShares.onTaken(bytes);
      },
    });
    const writing = new AheadAccount({
      ...{ shares: this.#writeShares, holder, freeBytes: LEAST_AHEAD_BYTES },
      onChange: (bytes) => {
        this.#writeAhead += bytes;
        if (bytes > 0) this.#writeShares.onTaken(bytes);
      },
    });
    const account = new MemoryAccount(this, { end, relieve, peer: of, weight, reading, writing });
    of.accounts.add(account);
    return account;
  }

  /** For accounts only. */
  forget(account: MemoryAccount): void {
    const { accounts, key } = account.peer;
    accounts.delete(account);
    if (accounts.size === 0) this.#peers.delete(key);
  }

  /** For accounts only: they have changed by so much. Throws when `account` is the one that has to go. */
  change(account: MemoryAccount, held: number, overhead: number): void {
    this.#held += held;
    this.#overhead += overhead;
    if (held <= 0 && overhead <= 0) return;
    while (this.#held > this.bounds.heldBytes) this.#relieve(account, 'heldBytes', this.bounds.heldBytes);
    while (this.#overhead > this.bounds.overheadBytes) {
      this.#relieve(account, 'overheadBytes', this.bounds.overheadBytes);
    }
  }

  countOverdrawn(): void {
    this.#overdrawn++;
  }

  /**
   * Of the peer that is furthest above its fair share the session that holds most loses: it is the one whose peer does not let it
   * read, or that wastes most. A peer does not fare better for having many sessions. Whoever holds most by its weight is furthest
   * above: by weight, the share of all who have more than theirs is the same.
   */
  #relieve(current: MemoryAccount, what: Scarce, bound: number): void {
    // Of equals the one that goes is the one that wants more just now.
    let peer = current.peer;
    let most = peer.level(what);
    for (const other of this.#peers.values()) {
      const level = other.level(what);
      if (level <= most) continue;
      peer = other;
      most = level;
    }
    const largest = peer.largest(what, current);
    const reason = `all sessions together hold more than ${bound} bytes that wait to be read, and this one the most of them`;
    const error = new KwikError('ERR_KWIK_LIMIT_EXCEEDED', reason, { scope: 'peer' });
    if (what === 'overheadBytes' && largest.relieved(error)) return;
    this.#overdrawn++;
    largest.close();
    largest.end(error);
    if (largest === current) throw error;
  }
}

interface MemoryAccountParts {
  readonly end: (error: KwikError) => void;
  readonly relieve: (error: KwikError) => boolean;
  readonly peer: PeerAccounts;
  readonly weight: number;
  readonly reading: AheadAccount;
  readonly writing: AheadAccount;
}

/** The account of one session. What is charged to it is given back by the same amounts. */
export class MemoryAccount {
  readonly #ledger: MemoryLedger;
  readonly end: (error: KwikError) => void;
  readonly #relieve: (error: KwikError) => boolean;
  readonly peer: PeerAccounts;
  readonly weight: number;
  /** Content that is read ahead of the paths. */
  readonly reading: AheadAccount;
  /** What was written and no path has taken yet. */
  readonly writing: AheadAccount;
  #held = 0;
  #overhead = 0;
  #closed = false;

  constructor(ledger: MemoryLedger, { end, relieve, peer, weight, reading, writing }: MemoryAccountParts) {
    this.#ledger = ledger;
    this.end = end;
    this.#relieve = relieve;
    this.peer = peer;
    this.weight = weight;
    this.reading = reading;
    this.writing = writing;
  }

  get heldBytes(): number {
    return this.#held;
  }

  get overheadBytes(): number {
    return this.#overhead;
  }

  /**
   * So many bytes more or less of streams wait to be read, and so much overhead of their pieces. Throws
   * ERR_KWIK_EXCESSIVE_LOAD, or ERR_KWIK_LIMIT_EXCEEDED when only all sessions together hold too much; the session has been
   * ended then.
   */
  hold(bytes: number, overhead: number): void {
    if (this.#closed) return;
    this.#held += bytes;
    this.#overhead += overhead;
    this.#ledger.change(this, bytes, overhead);
    if (overhead <= 0) return;
    while (this.#overhead > this.#ledger.bounds.freeOverheadBytes + this.#held) this.#overdraw();
  }

  /** For the ledger only: whether the session has less overhead by now, at the cost of one path. */
  relieved(error: KwikError): boolean {
    const before = this.#overhead;
    return this.#relieve(error) && this.#overhead < before;
  }

  #overdraw(): void {
    const kept = `${this.#held} bytes in pieces that cost ${this.#overhead} bytes besides`;
    const error = new KwikError(
      'ERR_KWIK_EXCESSIVE_LOAD',
      `${kept} wait to be read or for gaps to close; send larger pieces`,
    );
    if (this.relieved(error)) return;
    this.#ledger.countOverdrawn();
    this.close();
    this.end(error);
    throw error;
  }

  /** The session is over: what its streams still hold is for whoever holds them. Nothing more is charged. */
  close(): void {
    if (this.#closed) return;
    this.#ledger.change(this, -this.#held, -this.#overhead);
    this.reading.close();
    this.writing.close();
    this.#closed = true;
    this.#held = 0;
    this.#overhead = 0;
    this.#ledger.forget(this);
  }
}

/** For what stands alone: an account with the default bounds, of a ledger of its own. */
export function ownAccount(): MemoryAccount {
  return new MemoryLedger().open(() => undefined);
}
