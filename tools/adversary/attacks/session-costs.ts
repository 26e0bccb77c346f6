import { deflateRawSync } from 'node:zlib';
import { encodeFrameList } from '@kwik/wire';
import { atLeast, atMost, finding, type Attack, type Finding } from '../attack.js';
import { RawSession, streamData, type DataFrame } from '../raw/raw-session.js';
import { paced } from '../scene/paced.js';
import type { Scene } from '../scene/scene.js';

const ATTACK_SECONDS = 10;
const GROWTH_MB = 200;
const HONEST_SHARE = 0.3;
const STREAMS = 1024;
const FRAMES = 256;
const ONE = new Uint8Array([0x78]);
/** Of inflated frames; what a packet may hold. */
const INFLATED_BYTES = 262_144;

/** Packets that cost a session memory or time; made once the session is open. */
type MakePackets = (session: RawSession) => Promise<() => Buffer>;

/** A byte at every second offset of many streams: each is a piece by itself until its gap is filled. */
const gappedPieces: MakePackets = async (session) => {
  let piece = 0;
  return () => {
    const stream = Math.floor(piece / 200) % 512;
    const round = Math.floor(piece / 200 / 512) * 200;
    piece += 200;
    return session.packet(many(200, (index) => streamData(4 * stream, 1 + 2 * (round + index), ONE)));
  };
};

/** Window updates of the session, with two thousand streams that might have something to send. */
const windowUpdates: MakePackets = async (session) => {
  for (let first = 0; first < STREAMS; first += 128) {
    const both = (index: number): DataFrame[] => [
      streamData(4 * (first + index), 0, ONE),
      streamData(4 * (first + index) + 2, 0, ONE),
    ];
    await session.write(session.packet(many(128, both).flat()));
  }
  let offset = 1n << 41n;
  return () =>
    session.packet(many(FRAMES, () => ({ body: { $case: 'windowUpdate', value: { maxOffset: offset++ } } })));
};

const pings: MakePackets = async (session) => () =>
  session.packet(
    many(FRAMES, (index) => ({ body: { $case: 'ping', value: { sequence: BigInt(index), reply: false } } })),
  );

const blocked: MakePackets = async (session) => {
  await session.write(session.packet([streamData(0, 0, ONE)]));
  return () => session.packet(many(FRAMES, () => ({ body: { $case: 'blocked', value: { streamId: 0n, limit: 5n } } })));
};

/** Every other packet number, falling: as many ranges as an acknowledgement can have. */
const fallingNumbers: MakePackets = async (session) => {
  let number = 20_000_000n;
  return () => session.packet([{ body: { $case: 'ping', value: { sequence: 1n, reply: true } } }], (number -= 2n));
};

const shortStreams: MakePackets = async (session) => {
  let stream = 0;
  return () => session.packet(many(100, () => streamData(4 * stream++ + 2, 0, ONE, true)));
};

const resets: MakePackets = async (session) => {
  let stream = 0;
  return () =>
    session.packet(
      many(100, () => ({
        body: { $case: 'resetStream', value: { streamId: BigInt(4 * stream++ + 2), code: 1, finalSize: 0n } },
      })),
    );
};

/** Nine hundred bytes of frames for one on the wire, although nobody offered compression. */
const bomb: MakePackets = async (session) => {
  const frame: DataFrame = { body: { $case: 'raw', value: { data: new Uint8Array(1000), sequence: 1n } } };
  const frames = Buffer.from(encodeFrameList(many(240, () => frame))).subarray(0, INFLATED_BYTES);
  const compressed = deflateRawSync(frames, { level: 9 });
  return () => session.compressedPacket(compressed, frames.length);
};

function many<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

async function flood(scene: Scene, make: MakePackets, rate: number): Promise<Finding[]> {
  const { child, port } = await scene.server();
  const before = await scene.honest('fetch', port, 3);
  const resident = child.residentMb;
  const session = await new RawSession({ port }).open();
  const packet = await make(session);
  const beside = scene.honest('fetch', port, ATTACK_SECONDS - 3);
  const limits = { megabytes: 200, megabytesPerSecond: rate, seconds: ATTACK_SECONDS };
  const sent = await paced(limits, async () => {
    let bytes = 0;
    for (let index = 0; index < 4 && session.quic.closed === undefined; index++) {
      const next = packet();
      bytes += next.length;
      await session.write(next);
    }
    return session.quic.closed === undefined ? bytes : undefined;
  });
  const honest = await beside;
  const { closed } = session.quic;
  session.quic.destroy();
  const how = closed === undefined ? 'not closed' : `closed: ${closed.reason || closed.code}`;
  return [
    finding('the server', child.ending, 'alive', !child.ended),
    atMost(`memory that ${(sent / 1e6).toFixed(1)} MB took (${how})`, child.maxResidentMb - resident, GROWTH_MB, 'MB'),
    atLeast('an honest client beside it', honest.megabitsPerSecond, before.megabitsPerSecond * HONEST_SHARE, 'Mbit/s'),
  ];
}

function attack(name: string, about: string, make: MakePackets, rate: number): Attack {
  return { name, about, quick: false, run: (scene) => flood(scene, make, rate) };
}

export const sessionCosts: readonly Attack[] = [
  attack('gapped-pieces', 'A client sends single bytes with gaps, on 512 streams.', gappedPieces, 12),
  attack(
    'window-updates',
    'A client opens 2,048 streams and widens the session’s window, 256 times a packet.',
    windowUpdates,
    2,
  ),
  attack('pings', 'A client asks for 256 answers a packet.', pings, 2),
  attack('blocked', 'A client says 256 times a packet that it is blocked.', blocked, 2),
  attack('falling-numbers', 'A client leaves out every other packet number, falling.', fallingNumbers, 2),
  attack('short-streams', 'A client opens and ends streams, 100 a packet.', shortStreams, 2),
  attack('resets', 'A client resets streams that never were, 100 a packet.', resets, 2),
  attack('bomb', 'A client sends compressed packets that nobody asked for.', bomb, 2),
];
