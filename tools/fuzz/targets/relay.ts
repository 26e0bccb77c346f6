import { Allowance } from '../../../packages/quic/src/forwarding/allowance.js';
import { Forwarder } from '../../../packages/quic/src/forwarding/forwarder.js';
import { isLongHeader, parseLongHeader } from '../../../packages/quic/src/packets/packet-header.js';
import { EndpointCounters } from '../../../packages/quic/src/routing/endpoint-stats.js';
import type {
  DatagramSending,
  DatagramSocket,
  DatagramSource,
} from '../../../packages/quic/src/socket/datagram-socket.js';
import { joinBlocks, splitBlocks } from '../protobuf-tree.js';
import { rule, type FuzzTarget } from '../target.js';

const CLIENT: DatagramSource = { address: '192.0.2.1', port: 1 };
const ANCHOR: DatagramSource = { address: '192.0.2.2', port: 2 };
const STRANGER: DatagramSource = { address: '192.0.2.3', port: 3 };
const SOURCES = [CLIENT, ANCHOR, STRANGER] as const;
const CLIENT_ID = new Uint8Array(8).fill(1);
const ANCHOR_ID = new Uint8Array(8).fill(2);
const SLOT_BYTES = 64 * 1024;

/** Datagrams at a relay: the first byte of each block says from whom. None goes to a stranger, and none becomes two. */
export const relayedDatagrams: FuzzTarget = {
  name: 'relayed-datagrams',
  shape: 'blocks',
  seeds: () => {
    const up = [0, ...long([9, 9, 9, 9], CLIENT_ID)];
    const down = [1, ...long(CLIENT_ID, ANCHOR_ID)];
    const short = [0, 0x41, ...ANCHOR_ID, 5, 5, 5];
    const back = [1, 0x41, ...CLIENT_ID, 5, 5, 5];
    return [
      [up, down, short, back],
      [[2, ...long(CLIENT_ID, ANCHOR_ID)], short],
      [down, [2, ...short.slice(1)]],
    ].map((blocks) => joinBlocks(blocks.map((block) => Uint8Array.from(block))));
  },
  run(input) {
    const sent: DatagramSource[] = [];
    const forwarder = forwarderInto(sent);
    const client = { remote: CLIENT };
    const allowance = new Allowance({ bytes: 100_000, bytesPerSecond: 1_000_000 }, 0);
    forwarder.open({ clientId: CLIENT_ID, client, anchor: ANCHOR, allowance });
    const verdicts = splitBlocks(input).map((block) => {
      const from = SOURCES[(block[0] ?? 0) % SOURCES.length] ?? STRANGER;
      const before = sent.length;
      const taken = take(forwarder, block.subarray(1), from);
      const out = sent.slice(before);
      rule(out.length <= 1, 'one datagram became several');
      rule(out.length === 0 || taken, 'it forwarded what it says is not its own');
      rule(out.length === 0 || from !== STRANGER, 'it forwarded what a stranger sent');
      rule(
        out.every((to) => to.port === (from === CLIENT ? ANCHOR.port : CLIENT.port)),
        'it forwarded to the wrong end',
      );
      return `${taken} ${out.length}`;
    });
    return verdicts.join(', ');
  },
};

function take(forwarder: Forwarder, datagram: Uint8Array, from: DatagramSource): boolean {
  if (!isLongHeader(datagram)) return forwarder.short(datagram, from);
  const header = parseLongHeader(datagram);
  return header !== undefined && forwarder.long(datagram, header, from);
}

function forwarderInto(sent: DatagramSource[]): Forwarder {
  const slot = Buffer.alloc(SLOT_BYTES);
  const sending: DatagramSending = {
    slot: () => slot,
    submit: (_slotBytes, _bytes, port, address) => sent.push({ address, port }),
    send: (_datagram, port, address) => sent.push({ address, port }),
    congested: () => false,
  };
  const socket: Pick<DatagramSocket, 'address' | 'from' | 'flush'> = {
    address: { address: '0.0.0.0', port: 4440, family: 'IPv4' },
    from: () => sending,
    flush: () => undefined,
  };
  const limits = { maxFlows: 4 };
  return new Forwarder({ socket, counters: new EndpointCounters(), limits, now: () => 0 });
}

/** A handshake packet of these ids. */
function long(destinationId: ArrayLike<number>, sourceId: ArrayLike<number>): number[] {
  const ids = [destinationId, sourceId].flatMap((id) => [id.length, ...Array.from(id)]);
  return [0xe1, 0, 0, 0, 1, ...ids, 0x05, 7, 7, 7, 7, 7];
}
