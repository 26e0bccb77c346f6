import { X509Certificate } from 'node:crypto';
import { spkiPin } from '@kwik/quic';
import type { KnownServer, KwikError, PathTransport, ServerConduct } from '@kwik/wire';
import type { Feature } from '../runtime/features/feature.js';
import type { ServerGuard } from '../runtime/host/server-guard.js';
import { isMisconduct } from '../runtime/paths/deaths.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';

/** What a path brought counts as one delivery for each of these, and for no more than so many. */
const DELIVERY_BYTES = 1024 * 1024;
const MAX_DELIVERIES = 20;

/** SHA-256 of the key that the other end showed; undefined on networks without certificates. */
export function keyPin({ peerCertificates: [leaf] }: PathTransport): string | undefined {
  return leaf === undefined ? undefined : spkiPin(new X509Certificate(leaf));
}

/** Tells the application's trust scores what the servers of a session do; its primary is believed anyway. */
export class ConductReports implements Feature {
  readonly #guard: ServerGuard;

  constructor(guard: ServerGuard) {
    this.#guard = guard;
  }

  onPathUp(path: PathRuntime): void {
    if (!path.primary) this.#guard.observe(serverOf(path), 'connected');
  }

  onPathDead(path: PathRuntime): void {
    if (path.primary) return;
    const server = serverOf(path);
    const conduct = path.closedByPeer ? undefined : conductOf(path.death);
    if (conduct !== undefined) this.#guard.observe(server, conduct);
    if (conduct === 'wrong-content' || conduct === 'violation') return;
    const { receivedBytes } = path.figures();
    const deliveries = Math.min(MAX_DELIVERIES, Math.ceil(receivedBytes / DELIVERY_BYTES));
    for (let count = 0; count < deliveries; count++) this.#guard.observe(server, 'delivered');
  }
}

function serverOf({ address, port }: PathRuntime): KnownServer {
  return { address, pin: keyPin(port.transport) };
}

function conductOf(death: KwikError | undefined): ServerConduct | undefined {
  switch (death?.code) {
    case 'ERR_KWIK_SERVER_UNTRUSTED':
    case 'ERR_KWIK_OFFSET_MISMATCH':
      return 'wrong-content';
    case 'ERR_KWIK_PATH_DEAD':
    case 'ERR_KWIK_IDLE_TIMEOUT':
      return 'unreachable';
    default:
      return isMisconduct(death?.code) ? 'violation' : undefined;
  }
}
