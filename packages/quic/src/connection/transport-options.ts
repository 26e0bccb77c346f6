import { KwikError } from '@kwik/wire';
import type { BackendTransport } from '../backends/backend.js';
import type { PathMemo, ResumedPath } from './careful-resume.js';

/** Sizes in bytes, times in milliseconds. */
export interface TransportOptions {
  readonly congestionControl?: 'bbr' | 'cubic' | 'reno';
  /** Spread packets over time instead of sending bursts; default true. */
  readonly pacing?: boolean;
  /**
   * Largest UDP payload that is sent, 1200 to 65507; default: what the route to the peer takes by its MTU, 1472 at most
   * (`longDatagrams`), where the system tells (batched I/O), else 1350. Sizes above 1200 are used once a probe has passed.
   */
  readonly datagramBytes?: number;
  /**
   * By the route also longer ones than Ethernet's, 16,000 at most, on loopback and with jumbo frames: less work per byte, and
   * more that is lost or waits at a time. Default: false.
   */
  readonly longDatagrams?: boolean;
  /** Silence after which the connection is given up; the smaller of both sides holds; default 30 000; 0: never. */
  readonly idleTimeoutMs?: number;
  /** Received and not yet read, per stream; default 4 MiB. */
  readonly streamWindowBytes?: number;
  /** Received and not yet read, per connection; default 8 MiB. */
  readonly connectionWindowBytes?: number;
  /** Streams that the peer may have open at once; default 128 each. */
  readonly maxBidiStreams?: number;
  readonly maxUniStreams?: number;
  /**
   * A connection to a peer of the last hour begins with half of what the path to it carried then, once it is seen to be the same
   * path and has carried an ordinary first window (careful resume, RFC 9959). With BBR and pacing, and at a server not with
   * addresses of this machine. Default: false.
   */
  readonly carefulResume?: boolean;
  /**
   * How far ahead of the wire bytes are taken, as time at the rate of the path; default 4 ms. `sendableBytes()` offers
   * this much beyond what pacing allows at once; `write` takes twice as much.
   */
  readonly sendAheadMs?: number;
}

/** RFC 9000, section 14: the smallest datagram that QUIC can work with. */
const MIN_DATAGRAM_BYTES = 1200;
/** What IPv4 leaves of 64 kB. */
const MAX_DATAGRAM_BYTES = 65_507;

/** All transport settings: those of the backend and those of the driver itself. */
export interface ResolvedTransport extends BackendTransport {
  readonly pacing: boolean;
  readonly sendAheadMs: number;
  /** Nobody has asked for a size: `datagramBytes` follows the route to the peer, and the rate of the path. */
  readonly followsRoute: boolean;
  readonly longDatagrams: boolean;
  /** What the path was found to carry before; larger ones are tried later. */
  readonly knownBytes?: number;
  /** Told of the size above which the path was found to carry nothing. */
  readonly onSizeLimit?: (bytes: number) => void;
  readonly carefulResume: boolean;
  /** What the path to the peer carried before. */
  readonly resumed?: ResumedPath;
  /** Told, now and then, of what the path carries. */
  readonly onPathKnown?: (path: PathMemo) => void;
}

const TRANSPORT_DEFAULTS: ResolvedTransport = {
  congestionControl: 'bbr',
  pacing: true,
  datagramBytes: 1350,
  idleTimeoutMs: 30_000,
  streamWindowBytes: 4 * 1024 * 1024,
  connectionWindowBytes: 8 * 1024 * 1024,
  maxBidiStreams: 128,
  maxUniStreams: 128,
  sendAheadMs: 4,
  followsRoute: true,
  longDatagrams: false,
  carefulResume: false,
};

/** Fills in defaults; a value out of range is `ERR_KWIK_INVALID_ARGUMENT`. */
export function resolveTransport(options: TransportOptions = {}): ResolvedTransport {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const followsRoute = options.datagramBytes === undefined;
  const resolved: ResolvedTransport = {
    ...TRANSPORT_DEFAULTS,
    ...(Object.fromEntries(given) as TransportOptions),
    followsRoute,
  };
  requireRange('datagramBytes', resolved.datagramBytes, MIN_DATAGRAM_BYTES, MAX_DATAGRAM_BYTES);
  requireRange('idleTimeoutMs', resolved.idleTimeoutMs, 0, Number.MAX_SAFE_INTEGER);
  requireRange('streamWindowBytes', resolved.streamWindowBytes, 1, 2 ** 32);
  requireRange('connectionWindowBytes', resolved.connectionWindowBytes, 1, 2 ** 32);
  requireRange('maxBidiStreams', resolved.maxBidiStreams, 0, 2 ** 20);
  requireRange('maxUniStreams', resolved.maxUniStreams, 0, 2 ** 20);
  requireRange('sendAheadMs', resolved.sendAheadMs, 1, 1000);
  return resolved;
}

function requireRange(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new KwikError(
    'ERR_KWIK_INVALID_ARGUMENT',
    `${name} is ${value}; a whole number from ${low} to ${high} is needed`,
  );
}
