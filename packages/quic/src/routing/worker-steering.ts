import { CONNECTION_ID_BYTES } from '../packets/connection-id.js';
import type { LongHeader } from '../packets/packet-header.js';
import { workerOf } from '../packets/worker-mark.js';
import type { DatagramSource } from '../socket/datagram-socket.js';

/**
 * What an endpoint knows of the other processes that share its address.
 *
 * Each has a socket of its own with SO_REUSEPORT, and the kernel chooses among them by a hash of both addresses: no process
 * sees what belongs to another, and no datagram is copied, as long as a client keeps its port and the number of sockets stays.
 * (One process that reads for all would copy every datagram twice and be the bound of the whole; a shared socket gives each datagram
 * to whoever is awake; a BPF program that steers by connection id takes a privilege.) When a client's port changes, a process
 * ends or another begins, the kernel chooses anew, for many clients at once. So ids carry the number of their worker, and
 * who gets a datagram of another hands it on.
 */
export interface WorkerSteering {
  /** The number of this process. */
  readonly worker: number;
  /** The datagram goes to that worker; false when it cannot. It is copied. */
  hand(worker: number, datagram: Uint8Array, from: DatagramSource): boolean;
  /** A process of that number lives, or may come back. Its connections are nobody else's to reset. */
  isKnown(worker: number): boolean;
  /** Takes clients that belong to nobody. `key` is the same for all packets of one handshake; `worker`: where it wants to go. */
  newcomer(key: number, worker: number | undefined): number;
}

/** Why nothing was done with a datagram here. */
export type Steered = 'own' | 'handed' | 'lost';

/** Of a short header with an id that no connection here has. */
export function steerShort(steering: WorkerSteering, datagram: Uint8Array, from: DatagramSource): Steered {
  const worker = workerOf(datagram, 1);
  if (worker === undefined || worker === steering.worker) return 'own';
  if (steering.hand(worker, datagram, from)) return 'handed';
  // A reset by somebody else could end a connection that lives (RFC 9000, section 21.11).
  return steering.isKnown(worker) ? 'lost' : 'own';
}

/** Of a long header of no connection here: perhaps one of another worker, or of a client that belongs to nobody yet. */
export function steerLong(
  steering: WorkerSteering,
  datagram: Uint8Array,
  header: LongHeader,
  from: DatagramSource,
): Steered {
  const { destinationId, sourceId, type } = header;
  const owner = destinationId.length === CONNECTION_ID_BYTES ? workerOf(destinationId, 0) : undefined;
  if (owner !== undefined && owner !== steering.worker) {
    if (steering.hand(owner, datagram, from)) return 'handed';
    // A connection made here under the id that the other one's Retry gave would be led there, and reset there, later on. The
    // client sends its packet again. (A first packet without a token bears an id of the client's making.)
    if ((type !== 'initial' || header.token.length > 0) && steering.isKnown(owner)) return 'lost';
  }
  if (owner !== undefined || type !== 'initial') return 'own';
  // A client that has a session already says by its own id with whom.
  const wish = sourceId.length === CONNECTION_ID_BYTES ? workerOf(sourceId, 0) : undefined;
  const worker = steering.newcomer(destinationId[0] ?? 0, wish);
  return worker !== steering.worker && steering.hand(worker, datagram, from) ? 'handed' : 'own';
}
