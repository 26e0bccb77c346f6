import type { KwikError } from '@kwik/wire';
import type { BackendAddress, BackendConnection, Received } from '../backends/backend.js';
import type { ConnectionSettings } from './connection-types.js';
import { FrameReader } from './frame-reader.js';
import { PeerLedger } from './peer-ledger.js';
import { ReceiveCost } from './receive-cost.js';
import { type PieceCount, type ReadProgress, SmallPieces } from './small-pieces.js';
import { TrafficGuard } from './traffic-guard.js';

/**
 * Hands packets to the backend and keeps account of what they cost. Only what QUIC could authenticate is put down to
 * the peer (RFC 9000, section 5.2): anybody can send packets in its name.
 */
export class Intake {
  readonly guard: TrafficGuard;
  private readonly reader = new FrameReader();
  private readonly cost = new ReceiveCost();
  private readonly pieces: SmallPieces;
  private readonly ledger: PeerLedger;

  constructor(
    private readonly backend: BackendConnection,
    progress: ReadProgress,
    private readonly delivered: { readonly deliveredBytes: number },
    settings: ConnectionSettings,
    shared: PieceCount,
    now: number,
  ) {
    this.guard = new TrafficGuard(settings.transport.connectionWindowBytes, now);
    this.pieces = new SmallPieces(progress, shared);
    this.ledger = new PeerLedger(this.pieces, settings.strangerBytes, now);
  }

  take(packet: Uint8Array, from: BackendAddress | undefined, judged: boolean): Received {
    const startMs = judged && this.cost.samples ? performance.now() : undefined;
    const outcome = this.backend.receive(packet, from);
    if (outcome !== 'taken') return outcome;
    if (startMs !== undefined) this.cost.record(packet.length, performance.now() - startMs);
    this.guard.onReceived(packet.length);
    const { framesFrom, framesTo } = this.backend;
    if (framesFrom >= 0) this.reader.read(packet, framesFrom, framesTo, this.ledger);
    return outcome;
  }

  /** The error to close with when the peer costs too much. */
  problem(now: number): KwikError | undefined {
    return this.ledger.problem(this.delivered.deliveredBytes, now) ?? this.cost.problem();
  }

  accept(): void {
    this.ledger.accept();
  }

  /** The connection is over. */
  clear(): void {
    this.pieces.clear();
  }
}
