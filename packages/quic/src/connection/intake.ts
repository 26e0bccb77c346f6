import type { KwikError } from '@kwik/wire';
import type { BackendAddress, BackendConnection, Received } from '../backends/backend.js';
import type { ConnectionSettings } from './connection-types.js';
import { FrameReader } from './frame-reader.js';
import { PeerLedger } from './peer-ledger.js';
import type { ProcessorAccount } from './processor-account.js';
import type { SmallPieces } from './small-pieces.js';
import { TrafficGuard } from './traffic-guard.js';

/** Whether a packet's time counts: not in a handshake; `inTurn`: the turn that takes it is charged for it. */
export type PacketTiming = 'none' | 'alone' | 'inTurn';

/**
 * Hands packets to the backend and keeps account of what they cost. Only what QUIC could authenticate is put down to
 * the peer (RFC 9000, section 5.2): anybody can send packets in its name.
 */
export class Intake {
  readonly guard: TrafficGuard;
  private readonly reader = new FrameReader();
  private readonly ledger: PeerLedger;

  constructor(
    private readonly backend: BackendConnection,
    private readonly pieces: SmallPieces,
    private readonly delivered: { readonly deliveredBytes: number },
    settings: ConnectionSettings,
    private readonly processor: ProcessorAccount,
    now: number,
  ) {
    this.guard = new TrafficGuard(settings.transport.connectionWindowBytes, now);
    this.ledger = new PeerLedger(this.pieces, settings.strangerBytes, now);
  }

  take(packet: Uint8Array, from: BackendAddress | undefined, timing: PacketTiming): Received {
    const startMs = timing === 'none' ? undefined : this.processor.startSample();
    const outcome = this.backend.receive(packet, from);
    if (outcome !== 'taken') return outcome;
    if (startMs !== undefined) this.processor.endSample(packet.length, startMs, timing === 'alone');
    this.processor.explain(packet.length);
    this.guard.onReceived(packet.length);
    const { framesFrom, framesTo } = this.backend;
    if (framesFrom >= 0) this.reader.read(packet, framesFrom, framesTo, this.ledger);
    return outcome;
  }

  /** The error to close with when the peer costs too much. */
  problem(now: number): KwikError | undefined {
    return this.ledger.problem(this.delivered.deliveredBytes, now) ?? this.processor.problem();
  }

  accept(): void {
    this.ledger.accept();
  }

  /** The connection is over. */
  clear(): void {
    this.pieces.clear();
  }
}
