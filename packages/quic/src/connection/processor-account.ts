import type { AcceptedPeer, KwikError } from '@kwik/wire';
import type { BackendAddress } from '../backends/backend.js';
import { type HeldPacket, HeldPackets } from './held-packets.js';
import { ProcessorCost, SAMPLE_EVERY } from './processor-cost.js';
import { RANK, type ConnectionShare, type ProcessorShares, type Rank } from './processor-shares.js';

/** What reading a datagram from the socket costs: it cannot be measured here. */
const READ_MS = 0.005;

/** What the account needs of the endpoint. */
export interface ProcessorHost {
  readonly shares: ProcessorShares;
  now(): number;
  /** A packet found no room: its connection waits for the processor. */
  dropped(): void;
}

/** What a connection uses of the processor, and its packets that wait until it may use more. */
export class ProcessorAccount {
  private readonly held = new HeldPackets();
  private readonly cost: ProcessorCost;
  private readonly share: ConnectionShare;

  constructor(
    private readonly host: ProcessorHost,
    now: number,
  ) {
    this.cost = new ProcessorCost(now);
    this.share = host.shares.open(now);
  }

  /** All connections of a peer have one part of the processor together. */
  belongTo({ peer, weight }: AcceptedPeer, now: number): void {
    this.host.shares.join(this.share, peer, weight, now);
  }

  /** Packets wait for a turn. */
  get hasHeld(): boolean {
    return this.held.waiting;
  }

  /** Others want the processor, and this connection has had more of it than its share: it goes after them. */
  overShare(now: number): boolean {
    return this.rank(now) !== RANK.within;
  }

  rank(now: number): Rank {
    return this.host.shares.rank(this.share, now);
  }

  /** Whether the packet has to wait for a turn; then it is kept, or lost where too much waits already. */
  hold(packet: Uint8Array, from: BackendAddress | undefined, now: number): boolean {
    if (!this.held.waiting && !this.overShare(now)) return false;
    if (!this.held.add(packet, from)) this.host.dropped();
    return true;
  }

  takeHeld(): HeldPacket | undefined {
    return this.held.take();
  }

  /** When the packet at hand is one whose time is measured, the time now. */
  startSample(): number | undefined {
    return this.cost.samples ? this.host.now() : undefined;
  }

  /** `charged`: the time is nobody else's to charge. */
  endSample(bytes: number, startMs: number, charged: boolean): void {
    const now = this.host.now();
    this.cost.packet(bytes, now - startMs);
    if (charged) this.host.shares.charge(this.share, SAMPLE_EVERY * (now - startMs + READ_MS), now);
  }

  /** A packet of `bytes` came or went. */
  explain(bytes: number): void {
    this.cost.explain(bytes);
  }

  /** Half of a turn took `ms`. */
  charge(ms: number, now: number): void {
    this.host.shares.charge(this.share, ms, now);
    this.cost.turn(ms, now);
  }

  /** The error to close with when the peer costs too much. */
  problem(): KwikError | undefined {
    return this.cost.problem();
  }

  /** The connection is over. */
  clear(): void {
    this.host.shares.close(this.share);
    this.held.clear();
  }
}
