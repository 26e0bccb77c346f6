import { KwikError, type TransportCloseInfo } from '@kwik/wire';
import type { BackendCloseReason, BackendConnection } from '../backends/backend.js';
import { describeTransportCode } from './close-codes.js';

/** What the application asked for. */
export interface CloseRequest {
  readonly code: number;
  readonly reason: string;
  /** Until then what was written may still leave, ms. */
  readonly dueMs: number;
}

/** Why a connection is over, from what the backend knows and what was wanted. */
export function closeInfo(
  backend: BackendConnection,
  request: CloseRequest | undefined,
  refusal: KwikError | undefined,
): TransportCloseInfo {
  if (refusal !== undefined) return { by: 'error', code: 0, reason: refusal.message, error: refusal };
  const peer = backend.peerError();
  if (peer !== undefined) return closedByPeer(peer);
  if (request !== undefined) return { by: 'local', code: request.code, reason: request.reason };
  if (backend.timedOut()) {
    const error = new KwikError('ERR_KWIK_IDLE_TIMEOUT', 'nothing was heard from the peer for the idle timeout');
    return { by: 'idle', code: 0, reason: error.message, error };
  }
  const local = backend.localError();
  if (local !== undefined) {
    const text = `the peer broke QUIC: ${describeTransportCode(local.code)}`;
    return { by: 'error', code: 0, reason: text, error: new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', text) };
  }
  const text = 'the peer does not know this connection any more (stateless reset)';
  return { by: 'error', code: 0, reason: text, error: new KwikError('ERR_KWIK_PATH_DEAD', text) };
}

function closedByPeer(peer: BackendCloseReason): TransportCloseInfo {
  if (peer.application) return { by: 'peer', code: peer.code, reason: peer.reason };
  const why = describeTransportCode(peer.code) + (peer.reason === '' ? '' : `: ${peer.reason}`);
  // RFC 9000, section 20.1: NO_ERROR closes without blame.
  if (peer.code === 0) return { by: 'peer', code: 0, reason: peer.reason };
  const error = new KwikError('ERR_KWIK_CONNECT_FAILED', `the peer closed the connection: ${why}`);
  return { by: 'peer', code: 0, reason: why, error };
}

/**
 * RFC 9000, section 10.2.1: while closing, packets of the peer are answered with the close frame once more, in case it
 * was lost; ever more rarely, so that the two do not feed each other.
 */
export class ClosingDatagram {
  private datagram: Uint8Array | undefined;
  private packets = 0;

  get last(): Uint8Array | undefined {
    return this.datagram;
  }

  /** The newest datagram sent since closing began is the one with the close frame. */
  remember(slot: Uint8Array, bytes: number): void {
    this.datagram = slot.slice(0, bytes);
  }

  /** A packet came; true at the 1st, 2nd, 4th, 8th and so on. */
  shouldResend(): boolean {
    this.packets += 1;
    return this.datagram !== undefined && (this.packets & (this.packets - 1)) === 0;
  }
}
