import type { Clock, TransportAddress } from '@kwik/wire';
import { ETHERNET_IPV4_BYTES } from '../packets/datagram-bytes.js';
import type { ResolvedTransport } from '../connection/transport-options.js';
import type { DatagramSocket } from '../socket/datagram-socket.js';
import type { PathMemory } from './path-memory.js';
import type { SizeMemory } from './size-memory.js';

/** RFC 9000, section 14: a route that takes less carries no QUIC, and what the system says of it is not believed. */
const LEAST_BYTES = 1200;
/**
 * However large the MTU: four datagrams make one message for the kernel to cut, eight fill the memory of one system call
 * (`socket/send-batch.ts`), and quiche writes no more than 16,383. On loopback, 64 kB would save little more.
 */
const MOST_BYTES = 16_000;
/** Flow control must leave room for a datagram though the reader has half of its window unread. The peer has likely the same. */
const DATAGRAMS_OF_WINDOW = 4;
const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/u;

/** The largest datagrams of connections whose user has asked for no size: by the route's MTU, and what was learned before. */
export class RouteSizes {
  constructor(
    private readonly socket: Pick<DatagramSocket, 'address' | 'routeDatagramBytes'>,
    private readonly memory: { readonly sizes: SizeMemory; readonly paths: PathMemory },
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  /** Settings of a connection to `remote`; at a server `remote` is the client, whose port says nothing of the path. */
  settingsFor(transport: ResolvedTransport, remote: TransportAddress, side: 'client' | 'server'): ResolvedTransport {
    const peer = this.peerOf(remote, side);
    return this.withMemo(this.sized(transport, remote, peer), peer);
  }

  private sized(transport: ResolvedTransport, remote: TransportAddress, peer: string | undefined): ResolvedTransport {
    const bytes = transport.followsRoute ? this.socket.routeDatagramBytes(remote.address) : undefined;
    if (bytes === undefined || bytes < LEAST_BYTES) return transport;
    // quiche's windows are multiples of the longest datagram; only what is paced by BBR begins, and goes on, with less.
    const isModerate = transport.congestionControl === 'bbr' && transport.pacing;
    const most = transport.longDatagrams && isModerate ? MOST_BYTES : ETHERNET_IPV4_BYTES;
    const { streamWindowBytes, connectionWindowBytes } = transport;
    const window = Math.floor(Math.min(streamWindowBytes, connectionWindowBytes) / DATAGRAMS_OF_WINDOW);
    const datagramBytes = Math.max(LEAST_BYTES, Math.min(bytes, most, window));
    if (peer === undefined) return { ...transport, datagramBytes };
    const knownBytes = this.memory.sizes.limitOf(peer, this.clock.now());
    return {
      ...transport,
      datagramBytes,
      onSizeLimit: (limitBytes) => this.memory.sizes.note(peer, limitBytes, this.clock.now()),
      ...(knownBytes === undefined ? {} : { knownBytes }),
    };
  }

  private withMemo(transport: ResolvedTransport, peer: string | undefined): ResolvedTransport {
    const { carefulResume, congestionControl, pacing } = transport;
    if (!carefulResume || congestionControl !== 'bbr' || !pacing || peer === undefined) return transport;
    const { paths } = this.memory;
    const memo = paths.take(peer, this.clock.now());
    return {
      ...transport,
      onPathKnown: (path) => paths.note(peer, path, this.clock.now()),
      ...(memo !== undefined && { resumed: { ...memo, onRetreat: () => paths.forget(peer) } }),
    };
  }

  private peerOf({ address, port }: TransportAddress, side: 'client' | 'server'): string | undefined {
    if (side === 'client') return `${this.socket.address.address} ${address} ${port}`;
    // Behind an address of this machine is a relay or a tunnel, with many clients and as many paths.
    return LOOPBACK.test(address) ? undefined : `${this.socket.address.address} ${address}`;
  }
}

/** First windows of connections that know their path: few, as each is one of the settings of the backend. */
const FIRST_WINDOWS = [640_000, 320_000, 160_000, 80_000];

/** The largest of them that the path carried; 0 where an ordinary one is as good. */
function firstWindow(pipeBytes: number): number {
  return FIRST_WINDOWS.find((bytes) => bytes <= pipeBytes) ?? 0;
}

/**
 * Settings of the backend for connections of about this size: few, since each set of them holds certificates. What quiche
 * is told bounds its datagrams; the driver gives it memory of exactly the size that is wanted.
 */
export function backendSettings(transport: ResolvedTransport): ResolvedTransport {
  const { onSizeLimit: _, knownBytes: __, onPathKnown: ___, resumed, ...settings } = transport;
  const window = firstWindow(resumed?.pipeBytes ?? 0);
  return {
    ...settings,
    ...(window > 0 && { firstWindowBytes: window }),
    datagramBytes: !transport.followsRoute
      ? transport.datagramBytes
      : transport.datagramBytes <= ETHERNET_IPV4_BYTES
        ? ETHERNET_IPV4_BYTES
        : MOST_BYTES,
  };
}
