import { crc32 } from 'node:zlib';
import {
  ackFrame,
  blockedFrame,
  encodePacket,
  KwikError,
  makeStreamId,
  maxStreamsFrame,
  PRIMARY_PATH_ID,
  proto,
  datagramFrame,
  rawFrame,
  resetStreamFrame,
  stopSendingFrame,
  streamFrame,
  windowUpdateFrame,
} from '@kwik/wire';
import type { DialTarget } from '../../../packages/session/src/api/options.js';
import { formatAddress, isLoopback, parseTarget } from '../../../packages/session/src/client/target.js';
import type { DataPlane } from '../../../packages/session/src/core/data/data-plane.js';
import { connect, LIMITS, planeOf, SECONDARY_PATH_ID } from '../../../packages/session/src/test-support/data-link.js';
import { joinStream, splitStream } from '../protobuf-tree.js';
import { rule, type FuzzTarget } from '../target.js';
import { goldenMessages, withChecksum } from './wire.js';

const CHUNK_BYTES = 2_000;
const MAX_PACKETS = 64;
const client = makeStreamId(0n, 'client', false);
const ours = makeStreamId(0n, 'server', false);
const uni = makeStreamId(0n, 'server', true);

/** A path that is established, then packets of a peer that has lost its mind; at each of the three roles. */
const ROLES = ['client', 'primary', 'secondary'] as const;
const dataPlanes = ROLES.map(
  (role): FuzzTarget => ({
    name: `data-plane-${role}`,
    shape: 'stream',
    seeds: dataSeeds,
    repair: (input) => joinStream(splitStream(input).map(withChecksum)),
    run(input) {
      const plane = planeOf(role, LIMITS);
      const paths = role === 'client' ? [PRIMARY_PATH_ID, SECONDARY_PATH_ID] : [PRIMARY_PATH_ID];
      for (const path of paths) connect(plane, LIMITS, path);
      prepare(plane, role);
      const seen = new Map<string, number>();
      for (let at = 0; at < input.length; at += CHUNK_BYTES) {
        const path = paths[(at / CHUNK_BYTES) % paths.length]!;
        plane.handleChunk(path, at % 3, input.slice(at, at + CHUNK_BYTES), at);
        act(plane, paths, at, seen);
      }
      for (const path of paths) plane.handleRealStreamEnd(path, 0);
      act(plane, paths, 1e6, seen);
      for (const path of paths) plane.removePath(path);
      act(plane, paths, 2e6, seen);
      rule((seen.get('violation') ?? 0) <= paths.length, 'a path that broke the rules was listened to again');
      return [...seen.keys()].sort().join(' ');
    },
  }),
);

const target: FuzzTarget = {
  name: 'target',
  shape: 'bytes',
  seeds: () =>
    [
      'host:1',
      '127.0.0.1:65535',
      '[::1]:443',
      'kwik://host:4433/path?query',
      'kwik://[fe80::1%eth0]:9',
      'localhost:0',
      ':1',
      '[]:1',
      'a:99999',
      `${'a'.repeat(254)}:1`,
    ].map((text) => new Uint8Array(Buffer.from(text))),
  run(input) {
    const parsed = readTarget(Buffer.from(input).toString('utf8'));
    if (parsed === undefined) return 'refused';
    const written = formatAddress(parsed.host, parsed.port);
    const again = parseTarget(written);
    rule(again.host === parsed.host && again.port === parsed.port, `${written} reads as another address`);
    return `address ${isLoopback(parsed.host) ? 'of this machine' : ''}${parsed.host.includes(':') ? ' IPv6' : ''}`;
  },
};

export const SESSION_TARGETS = [...dataPlanes, target];

/** Undefined when it is refused: the message quotes what it refuses. */
function readTarget(text: string): DialTarget | undefined {
  try {
    return parseTarget(text);
  } catch (error) {
    if (error instanceof KwikError) return undefined;
    throw error;
  }
}

/** Streams of our own with data under way, so that acknowledgements and credit have something to be about. */
function prepare(plane: DataPlane, role: (typeof ROLES)[number]): void {
  if (role === 'secondary') {
    plane.streams.attach(client);
    return;
  }
  for (const unidirectional of [false, true]) {
    const stream = plane.open(unidirectional);
    stream.send?.write(new Uint8Array(3_000));
    plane.markReady(stream);
  }
  for (let sent = 0; sent < 4; sent++) plane.pollPacket(PRIMARY_PATH_ID, 1_200, 0);
}

/** What a session does after each chunk. */
function act(plane: DataPlane, paths: readonly number[], now: number, seen: Map<string, number>): void {
  for (let event = plane.nextEvent(); event !== undefined; event = plane.nextEvent()) {
    const what = event.kind === 'violation' ? `violation ${event.error.code}` : event.kind;
    if (event.kind === 'violation') {
      rule(event.error.code !== 'ERR_KWIK_INTERNAL', `an inner fault: ${event.error.stack ?? event.error.message}`);
      seen.set('violation', (seen.get('violation') ?? 0) + 1);
    }
    seen.set(what, (seen.get(what) ?? 0) + 1);
  }
  for (const stream of plane.streams.values()) readSome(plane, stream);
  for (const path of paths) {
    for (let packets = 0; packets < MAX_PACKETS; packets++) {
      if (plane.pollPacket(path as never, 1_200, now) === undefined) break;
    }
  }
  plane.nextTimeoutMs();
}

function readSome(plane: DataPlane, stream: Parameters<DataPlane['read']>[0]): void {
  try {
    while (plane.read(stream, 10_000) !== undefined);
  } catch (error) {
    // The stream was reset.
    if (!(error instanceof KwikError)) throw error;
  }
}

function dataSeeds(): Uint8Array[] {
  const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(0x61);
  const packets: (readonly proto.Frame[])[] = [
    [
      streamFrame({ streamId: ours, offset: 0n, data: bytes(40) }),
      streamFrame({ streamId: client, offset: 0n, data: bytes(40) }),
    ],
    [streamFrame({ streamId: ours, offset: 20n, data: bytes(40), fin: true })],
    [streamFrame({ streamId: client, offset: 40n, data: bytes(10), fin: true })],
    [streamFrame({ streamId: uni, offset: 100n, data: bytes(5) })],
    [streamFrame({ streamId: ours, offset: 0n, data: bytes(9), range: true })],
    [ackFrame({ pathId: 0, ranges: [{ first: 0n, last: 2n }], ackDelayUs: 5 })],
    [
      ackFrame({
        pathId: 1,
        ranges: [
          { first: 3n, last: 3n },
          { first: 0n, last: 1n },
        ],
        ackDelayUs: 5,
      }),
    ],
    [windowUpdateFrame({ maxOffset: 500_000n }), windowUpdateFrame({ streamId: client, maxOffset: 200_000n })],
    [resetStreamFrame({ streamId: ours, code: 1, finalSize: 60n })],
    [stopSendingFrame({ streamId: client, code: 2 })],
    [maxStreamsFrame({ unidirectional: false, maxStreams: 20n })],
    [blockedFrame({ streamId: ours, limit: 0n }), blockedFrame({ limit: 0n })],
    [rawFrame({ data: bytes(30), sequence: 1n })],
    [datagramFrame({ data: bytes(30), sequence: 1n }), datagramFrame({ data: bytes(3), sequence: 1n << 61n })],
  ];
  const encoded = packets.map(
    (frames, index) =>
      splitStream(encodePacket({ packetNumber: BigInt(index), type: proto.PacketType.DATA, frames }, crc32))[0]!,
  );
  return [
    joinStream(encoded),
    ...encoded.map((one) => joinStream([one])),
    joinStream(goldenMessages('packets').slice(0, 12)),
  ];
}
