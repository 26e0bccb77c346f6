import { BoundWatch } from './bound-watch.js';
import { isOwnMachine } from './source.js';
import { TokenBucket, TokenBuckets } from './token-bucket.js';

/** Bounds on what peers can make an endpoint do. Half-open: a server's connection before its handshake is complete. */
export interface EndpointLimits {
  /** Connections of the endpoint, both ways; default 20 000. */
  readonly maxConnections: number;
  /** Incoming connections from one source (an IPv4 address, a /64 of IPv6); default 5000, a quarter. */
  readonly maxConnectionsPerAddress: number;
  /**
   * The same from 127.0.0.1 and ::1, which all programs of this machine share, a proxy among them; default 10 000, or
   * `maxConnectionsPerAddress` if that is given.
   */
  readonly maxConnectionsFromOwnMachine: number;
  /** Default 2000. When there are so many, the oldest of the source that has most gives way. */
  readonly maxHalfOpen: number;
  /** Of one source; default 500, a quarter. Then its own oldest gives way. */
  readonly maxHalfOpenPerAddress: number;
  /** Half-open connections from which on `retry: 'underLoad'` asks for a proof of address; default 256. */
  readonly retryThreshold: number;
  /** New connection attempts per second and source address, and their burst; default 1000 and 2000. */
  readonly initialsPerSecondPerAddress: number;
  readonly initialsBurstPerAddress: number;
  /** Answers to packets of no connection (version negotiation, retry, refusal, reset) per second; default 5000. */
  readonly statelessPerSecond: number;
  /** A handshake must be done by then, milliseconds; default 10 000. */
  readonly handshakeTimeoutMs: number;
  /** Connections of others that are forwarded at once; default 10 000. */
  readonly maxFlows: number;
  /** Life of a retry token, milliseconds; default 10 000. */
  readonly retryTokenLifeMs: number;
}

export const DEFAULT_LIMITS: EndpointLimits = {
  maxConnections: 20_000,
  maxConnectionsPerAddress: 5_000,
  maxConnectionsFromOwnMachine: 10_000,
  maxHalfOpen: 2_000,
  maxHalfOpenPerAddress: 500,
  retryThreshold: 256,
  initialsPerSecondPerAddress: 1_000,
  initialsBurstPerAddress: 2_000,
  statelessPerSecond: 5_000,
  handshakeTimeoutMs: 10_000,
  retryTokenLifeMs: 10_000,
  maxFlows: 10_000,
};

/** Fills in defaults. */
export function resolveLimits(given: Partial<EndpointLimits>): EndpointLimits {
  const { maxConnectionsPerAddress } = given;
  const own = maxConnectionsPerAddress === undefined ? {} : { maxConnectionsFromOwnMachine: maxConnectionsPerAddress };
  return { ...DEFAULT_LIMITS, ...own, ...given };
}

/** Clients behind a relay come from its address: their attempts count for so much less. Bounds on all sources together hold. */
const RELAYED_ATTEMPT = 1 / 16;
/** A relay's share of the half-open connections; what comes beyond is for others. */
const RELAY_HALF_OPEN_SHARE = 1 / 2;

/** Sources whose rate of attempts is remembered at once; a flood from more addresses meets `maxHalfOpen` and retry. */
const MAX_TRACKED_SOURCES = 8_192;

export type Admission =
  | { readonly kind: 'accept' }
  /** Ask for a proof of address first. */
  | { readonly kind: 'retry' }
  /** Say no with a close frame. */
  | { readonly kind: 'refuse'; readonly reason: 'connections' | 'address' }
  /** Say nothing. */
  | { readonly kind: 'drop'; readonly reason: 'rate' };

interface SourceCount {
  open: number;
  halfOpen: number;
}

/** Decides on new incoming connections and counts those that exist. Pure. */
export class AdmissionControl {
  private readonly sources = new Map<string, SourceCount>();
  private readonly attempts: TokenBuckets;
  /** For sources that have a quarter of the half-open connections that they may have. */
  private readonly stalled: TokenBuckets;
  private readonly stalledAt: number;
  private readonly stateless: TokenBucket;
  /** Sources that are relays, and how often each was said to be one. */
  private readonly relays = new Map<string, number>();
  private total = 0;
  private halfOpen = 0;

  constructor(
    private readonly limits: EndpointLimits,
    now: number,
    private readonly bounds = new BoundWatch(undefined),
  ) {
    const { initialsPerSecondPerAddress, initialsBurstPerAddress, statelessPerSecond } = limits;
    this.attempts = new TokenBuckets(initialsPerSecondPerAddress, initialsBurstPerAddress, MAX_TRACKED_SOURCES);
    this.stalledAt = Math.ceil(limits.maxHalfOpenPerAddress / 4);
    const stalledPerSecond = (1000 * this.stalledAt) / limits.handshakeTimeoutMs;
    this.stalled = new TokenBuckets(stalledPerSecond, this.stalledAt, MAX_TRACKED_SOURCES);
    this.stateless = new TokenBucket(statelessPerSecond, statelessPerSecond, now);
  }

  get connections(): number {
    return this.total;
  }

  get halfOpenConnections(): number {
    return this.halfOpen;
  }

  /** Many clients come from this source: bounds on one source are not for it. Until what it returns is called as often. */
  addRelay(source: string): () => void {
    this.relays.set(source, (this.relays.get(source) ?? 0) + 1);
    let added = true;
    return () => {
      const left = (this.relays.get(source) ?? 0) - 1;
      if (!added) return;
      added = false;
      if (left > 0) this.relays.set(source, left);
      else this.relays.delete(source);
    };
  }

  /** `validated`: the source has shown by a token that it receives what is sent to it. */
  decide(source: string, validated: boolean, retry: 'always' | 'underLoad' | 'never', now: number): Admission {
    const isRelay = this.relays.has(source);
    if (!this.attempts.take(source, now, isRelay ? RELAYED_ATTEMPT : 1)) {
      this.bounds.met('initialsPerSource', source, now);
      return { kind: 'drop', reason: 'rate' };
    }
    if (!validated && this.wantsRetry(retry)) return { kind: 'retry' };
    // Whose handshakes do not end gets no more of them than would keep it where it is: each costs milliseconds.
    if (!isRelay && this.halfOpenOf(source) >= this.stalledAt && !this.stalled.take(source, now)) {
      this.bounds.met('halfOpenPerSource', source, now);
      return { kind: 'drop', reason: 'rate' };
    }
    if (this.total >= this.limits.maxConnections) {
      this.bounds.met('connections', undefined, now);
      return { kind: 'refuse', reason: 'connections' };
    }
    if ((this.sources.get(source)?.open ?? 0) >= this.shareOf(source)) {
      this.bounds.met('connectionsPerSource', source, now);
      return { kind: 'refuse', reason: 'address' };
    }
    const room = this.halfOpenRoom(source);
    if (room !== 'room') this.bounds.met(room === 'full' ? 'halfOpen' : 'halfOpenPerSource', source, now);
    return { kind: 'accept' };
  }

  /** Whether one more handshake has room, or one of the source's or of all has to give way. */
  halfOpenRoom(source: string): 'room' | 'sourceFull' | 'full' {
    const { maxHalfOpen, maxHalfOpenPerAddress } = this.limits;
    const share = this.relays.has(source)
      ? Math.max(maxHalfOpenPerAddress, maxHalfOpen * RELAY_HALF_OPEN_SHARE)
      : maxHalfOpenPerAddress;
    if (this.halfOpenOf(source) >= share) return 'sourceFull';
    return this.halfOpen >= maxHalfOpen ? 'full' : 'room';
  }

  /** Whether one more packet may be answered that belongs to no connection. */
  mayAnswer(now: number): boolean {
    if (this.stateless.take(now)) return true;
    this.bounds.met('answers', undefined, now);
    return false;
  }

  /** An incoming connection was made; it is half-open. */
  opened(source: string): void {
    const count = this.sources.get(source) ?? { open: 0, halfOpen: 0 };
    count.open += 1;
    count.halfOpen += 1;
    this.sources.set(source, count);
    this.total += 1;
    this.halfOpen += 1;
  }

  /** Its handshake is complete, or has failed. */
  completed(source: string): void {
    const count = this.sources.get(source);
    if (count !== undefined) count.halfOpen -= 1;
    this.halfOpen -= 1;
  }

  /** It is gone; `completed` was called before. */
  released(source: string): void {
    this.total -= 1;
    const count = this.sources.get(source);
    if (count === undefined) return;
    count.open -= 1;
    if (count.open <= 0) this.sources.delete(source);
  }

  /** An outgoing connection; false when the endpoint is full. */
  dialled(): boolean {
    if (this.total >= this.limits.maxConnections) return false;
    this.total += 1;
    return true;
  }

  dialledReleased(): void {
    this.total -= 1;
  }

  private shareOf(source: string): number {
    const { maxConnections, maxConnectionsPerAddress, maxConnectionsFromOwnMachine } = this.limits;
    if (this.relays.has(source)) return maxConnections;
    return isOwnMachine(source) ? maxConnectionsFromOwnMachine : maxConnectionsPerAddress;
  }

  private halfOpenOf(source: string): number {
    return this.sources.get(source)?.halfOpen ?? 0;
  }

  private wantsRetry(retry: 'always' | 'underLoad' | 'never'): boolean {
    if (retry === 'underLoad') return this.halfOpen >= this.limits.retryThreshold;
    return retry === 'always';
  }
}
