import { createHash } from 'node:crypto';
import type { ResolvedTrust } from './certificate-check.js';
import { Recent } from './recent.js';

const MAX_TICKETS = 256;
/** Servers choose how long theirs are. */
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_TICKET_BYTES = 64 * 1024;
/** Servers of KWIK change their keys every six hours: a ticket of the last hour is rarely one that they cannot open. */
const LIFE_MS = 3_600_000;

/** What resumes a session with one server. */
export interface SessionTicket {
  readonly session: Uint8Array;
  /** What the server showed when its certificate was last verified, DER, leaf first. */
  readonly chain: readonly Uint8Array[];
}

/** Whom a ticket is for: everything that a verified certificate was judged by. */
export interface TicketScope {
  readonly address: string;
  readonly port: number;
  readonly serverName: string | undefined;
  readonly alpn: readonly string[];
  readonly trust: ResolvedTrust;
}

interface KeptTicket extends SessionTicket {
  readonly bytes: number;
  readonly untilMs: number;
}

/**
 * Tickets of servers, by server and by all that its certificate was judged by: a resumed session shows no certificate, so one
 * that was judged by other authorities, pins or names is of no use. Each is used once (RFC 8446, appendix C.4), and ends with
 * the chain that was verified. Times are ms since 1970.
 */
export class SessionTickets {
  private readonly tickets = new Map<string, KeptTicket>();
  private readonly chainEnds = new Recent<number>(MAX_TICKETS);
  private held = 0;

  get size(): number {
    return this.tickets.size;
  }

  get bytes(): number {
    return this.held;
  }

  take(scope: TicketScope, nowMs: number): SessionTicket | undefined {
    const key = keyOf(scope);
    const ticket = this.tickets.get(key);
    if (ticket === undefined) return undefined;
    this.drop(key, ticket);
    return nowMs < ticket.untilMs ? ticket : undefined;
  }

  /** In place of the one before. `chain`: that of the connection, verified when it began or when its own ticket was got. */
  keep(scope: TicketScope, session: Uint8Array, chain: readonly Uint8Array[], nowMs: number): void {
    const key = keyOf(scope);
    const bytes = chain.reduce((sum, der) => sum + der.length, session.length);
    const untilMs = Math.min(nowMs + LIFE_MS, this.chainEnd(scope.trust, chain));
    const before = this.tickets.get(key);
    if (before !== undefined) this.drop(key, before);
    if (bytes > MAX_TICKET_BYTES || untilMs <= nowMs) return;
    this.held += bytes;
    this.tickets.set(key, { session, chain, bytes, untilMs });
    for (const [oldest, ticket] of this.tickets) {
      if (this.tickets.size <= MAX_TICKETS && this.held <= MAX_BYTES) break;
      this.drop(oldest, ticket);
    }
  }

  /** Whoever has been trusted until now has to show its certificate again. */
  clear(): void {
    this.tickets.clear();
    this.held = 0;
  }

  private drop(key: string, { bytes }: KeptTicket): void {
    this.tickets.delete(key);
    this.held -= bytes;
  }

  private chainEnd(trust: ResolvedTrust, chain: readonly Uint8Array[]): number {
    // Of a pinned key nobody looks at the dates.
    if (trust.caPem === undefined) return Infinity;
    const hash = createHash('sha256').update(trust.caPem);
    for (const der of chain) hash.update(der);
    return this.chainEnds.get(hash.digest('base64'), () => chainEndMs(trust, chain));
  }
}

/** The first end of a certificate of the chain, or of an authority that vouches for one; 0 where that cannot be told. */
function chainEndMs(trust: ResolvedTrust, chain: readonly Uint8Array[]): number {
  try {
    const shown = chain.map((der) => trust.parsed.get(der));
    const vouching = trust.authorities().filter((authority) => shown.some((one) => one.checkIssued(authority)));
    if (vouching.length === 0) return 0;
    return Math.min(...[...shown, ...vouching].map(({ validTo }) => Date.parse(validTo) || 0));
  } catch {
    return 0;
  }
}

function keyOf({ address, port, serverName, alpn, trust }: TicketScope): string {
  const { caPem, pins, requiredPin, name } = trust;
  const judged = [caPem?.toString(), pins, requiredPin, name];
  return createHash('sha256')
    .update(JSON.stringify([address, port, serverName, alpn, judged]))
    .digest('base64');
}
