import { KwikError } from '@kwik/wire';
import type { LongHeader } from '../packets/packet-header.js';
import type { DropReason, EndpointCounters } from '../routing/endpoint-stats.js';
import type { PassingPackets } from '../routing/packet-router.js';
import { isOwnAddress, reachable, requirePort } from '../socket/address.js';
import type { DatagramSending, DatagramSocket, DatagramSource } from '../socket/datagram-socket.js';
import type { Allowance } from './allowance.js';
import { type Flow, type FlowOptions, FlowTable } from './flow-table.js';

export type { Flow, FlowOptions };

/** Most networks carry 1,500 bytes; few slots of the other size are ever made. */
const SLOT_BYTES = 2_048;
const LARGE_SLOT_BYTES = 64 * 1024;
/** RFC 9000, section 17.2.1: a version negotiation packet has it, and shows an id that its sender did not choose. */
const NEGOTIATION = 0;

/** What the forwarder needs of its endpoint. */
export interface ForwarderHost {
  readonly socket: Pick<DatagramSocket, 'address' | 'from' | 'flush'>;
  readonly counters: EndpointCounters;
  readonly limits: { readonly maxFlows: number };
  now(): number;
}

/**
 * Passes datagrams between clients and anchors on, unread: it looks at connection ids and addresses, and holds no key to
 * anything else (forwarding mode of draft-ietf-masque-quic-proxy). One datagram goes out for one that comes in, as it is, to
 * the one other end of its connection, so nobody can make it send more than is sent to it.
 */
export class Forwarder implements PassingPackets {
  private readonly table: FlowTable;
  private flushing = false;

  constructor(private readonly host: ForwarderHost) {
    this.table = new FlowTable(host.limits.maxFlows);
  }

  get flows(): number {
    return this.table.size;
  }

  /**
   * Throws as `FlowTable.add` does, `ERR_KWIK_CONNECT_FAILED` when the socket cannot reach the anchor, and
   * `ERR_KWIK_INVALID_ARGUMENT` for an anchor that is this socket, or the client: a datagram would go round in circles.
   */
  open(options: FlowOptions): Flow {
    const { address, port } = options.anchor;
    requirePort(port);
    const local = this.host.socket.address;
    const [anchor = options.anchor] = reachable(address, port, [address], local);
    if (isFrom(anchor, options.client.remote) || (port === local.port && isOwnAddress(anchor.address, local.address))) {
      const text = `${address}:${port} is no anchor: it is the relay itself, or the client`;
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
    }
    return this.table.add({ ...options, anchor });
  }

  close(flow: Flow): void {
    this.table.remove(flow);
  }

  short(datagram: Uint8Array, from: DatagramSource): boolean {
    if (this.table.size === 0) return false;
    const down = this.table.ofClient(datagram, 1);
    if (down !== undefined) return this.toClient(down, datagram, from);
    const up = this.table.ofAnchor(datagram, 1);
    return up !== undefined && this.toAnchor(up, datagram, from);
  }

  long(datagram: Uint8Array, header: LongHeader, from: DatagramSource): boolean {
    if (this.table.size === 0) return false;
    const down = this.table.ofClient(header.destinationId, 0);
    if (down !== undefined) {
      const { version, type, sourceId } = header;
      // The id of a Retry stands in long headers of the client only, which are known by the client's own id.
      const isAnchors = version !== NEGOTIATION && type !== 'retry' && isFrom(from, down.anchor);
      if (isAnchors) this.table.learn(down, sourceId);
      return this.toClient(down, datagram, from);
    }
    const up = this.table.ofClient(header.sourceId, 0);
    return up !== undefined && this.toAnchor(up, datagram, from);
  }

  private toClient(flow: Flow, datagram: Uint8Array, from: DatagramSource): true {
    if (isFrom(from, flow.anchor)) this.pass(flow, datagram, flow.client.remote, flow.client.local?.address);
    else this.host.counters.drop('relayAddress');
    return true;
  }

  private toAnchor(flow: Flow, datagram: Uint8Array, from: DatagramSource): true {
    if (isFrom(from, flow.client.remote)) this.pass(flow, datagram, flow.anchor);
    else this.host.counters.drop('relayAddress');
    return true;
  }

  private pass({ allowance }: Flow, datagram: Uint8Array, to: DatagramSource, local?: string): void {
    const { counters } = this.host;
    const socket = this.host.socket.from(local);
    const refusal = this.refusal(socket, allowance, datagram.length);
    if (refusal !== undefined) {
      counters.drop(refusal);
      return;
    }
    const slotBytes = datagram.length <= SLOT_BYTES ? SLOT_BYTES : LARGE_SLOT_BYTES;
    socket.slot(slotBytes).set(datagram);
    socket.submit(slotBytes, datagram.length, to.port, to.address);
    counters.counts.forwardedDatagrams += 1;
    counters.counts.forwardedBytes += datagram.length;
    this.flushSoon();
  }

  private refusal(socket: DatagramSending, allowance: Allowance, bytes: number): DropReason | undefined {
    // What the kernel has no room for would wait in the process; an end that sends too fast is to notice.
    if (socket.congested()) return 'relayCongested';
    switch (allowance.take(bytes, this.host.now())) {
      case 'granted':
        return undefined;
      case 'rate':
        return 'relayRate';
      case 'quota':
        return 'relayQuota';
    }
  }

  /** What is read in one turn of the loop goes out together. */
  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    setImmediate(this.onFlush);
  }

  private readonly onFlush = (): void => {
    this.flushing = false;
    this.host.socket.flush();
  };
}

function isFrom(from: DatagramSource, expected: DatagramSource): boolean {
  return from.port === expected.port && from.address === expected.address;
}
