import { describe, expect, jest, test } from '@jest/globals';
import { SeededRandom } from '@kwik/testbed';
import type { ReplicaSource, ServerSession, Stream } from '@kwik/session';
import { pattern } from '../harness.js';
import { SimulatedWorld } from '../simulated-world.js';
import { allOf, code, LINK, pairOf } from './pair.js';

jest.setTimeout(60_000);

const SIZE = 400_000;
const SCRIBBLE = 0xee;

/** The same bytes in any of the shapes that hold bytes, in memory that holds more besides. */
function inSomeShape(bytes: Uint8Array, random: SeededRandom): ArrayBufferView | ArrayBuffer | SharedArrayBuffer {
  const whole = new ArrayBuffer(bytes.length + 16);
  const shared = new SharedArrayBuffer(bytes.length + 16);
  for (const memory of [whole, shared]) new Uint8Array(memory, 8, bytes.length).set(bytes);
  const exact = new Uint8Array(bytes).buffer;
  const words =
    bytes.length % 2 === 0 ? new Uint16Array(whole, 8, bytes.length / 2) : new Int8Array(whole, 8, bytes.length);
  const shapes = [
    Buffer.from(whole, 8, bytes.length),
    new Uint8Array(whole, 8, bytes.length),
    new DataView(whole, 8, bytes.length),
    new Uint8Array(shared, 8, bytes.length),
    words,
    exact,
  ];
  return shapes[Math.floor(random.float() * shapes.length)]!;
}

/** In memory of its own: small Buffers share theirs, with constants of modules among others. */
function ownBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(new Uint8Array(bytes).buffer);
}

/** All the memory, whatever lies in it. */
function overwrite(data: ArrayBufferView | ArrayBuffer | SharedArrayBuffer): void {
  new Uint8Array(ArrayBuffer.isView(data) ? data.buffer : data).fill(SCRIBBLE);
}

type Writer = (data: Uint8Array) => unknown;

/** Hands pieces of every size and shape to `write`, and overwrites each as soon as the call has returned. */
async function scribble(content: Uint8Array, seed: number, write: Writer, onlyViews = false): Promise<void> {
  const random = new SeededRandom(seed);
  const written: unknown[] = [];
  for (let at = 0; at < content.length; ) {
    const length = Math.min(content.length - at, 1 + Math.floor(random.float() ** 4 * 100_000));
    const piece = content.subarray(at, at + length);
    const data = onlyViews ? ownBuffer(piece) : inSomeShape(piece, random);
    written.push(write(data as Uint8Array));
    overwrite(data);
    at += length;
    // Some are awaited, most are not.
    if (random.float() < 0.3) await written.at(-1);
  }
  await Promise.all(written);
}

describe('whoever hands bytes over may reuse the memory at once', () => {
  const ways: Record<string, { write(stream: Stream, seed: number, content: Uint8Array): Promise<void> }> = {
    'stream.write': {
      write: async (stream, seed, content) => {
        await scribble(content, seed, (data) => stream.write(data));
        await stream.close();
      },
    },
    'stream.write with a signal': {
      write: async (stream, seed, content) => {
        const { signal } = new AbortController();
        await scribble(content, seed, (data) => stream.write(data, { signal }));
        await stream.close();
      },
    },
    'stream.writable': {
      write: async (stream, seed, content) => {
        const writer = stream.writable.getWriter();
        await scribble(content, seed, (data) => writer.write(data));
        await writer.close();
      },
    },
    'stream.toDuplex': {
      write: async (stream, seed, content) => {
        const duplex = stream.toDuplex();
        const once = (data: Uint8Array) => new Promise<void>((resolve) => duplex.write(data, () => resolve()));
        await scribble(content.subarray(0, -100), seed, once, true);
        const last = ownBuffer(content.subarray(-100));
        const ended = new Promise<void>((resolve) => duplex.end(last, () => resolve()));
        overwrite(last);
        await ended;
      },
    },
  };
  test.each(Object.keys(ways))('%s', async (name) => {
    for (const seed of [1, 2, 3]) {
      const pair = await pairOf();
      const content = pattern(SIZE, seed);
      const stream = pair.client.openStream();
      const reading = pair.primary.acceptStream().then(allOf);
      await pair.world.settle(ways[name]!.write(stream, seed, content));
      expect(Buffer.from(await pair.world.settle(reading)).equals(content)).toBe(true);
    }
  });

  test('contribution.writeAt and sendRawPacket', async () => {
    const pair = await pairOf();
    const other = pair.world.server('other', LINK);
    const capabilities = ['contribute', 'raw'] as const;
    const path = await pair.world.settle(pair.primary.addPath(other.address, { capabilities }));
    const secondary: ServerSession = other.sessions[0]!;
    const content = pattern(SIZE, 4);
    const stream = pair.primary.openStream();
    stream.skip(BigInt(SIZE));
    await pair.world.settle(pair.primary.grantContribution(path.id, stream.id, [{ offset: 0n, length: BigInt(SIZE) }]));
    const reading = pair.client.acceptStream().then(allOf);
    const contribution = secondary.contribute(stream.id);
    let offset = 0n;
    const writing = scribble(content, 4, (data) => {
      const at = offset;
      offset += BigInt(data.byteLength);
      return contribution.writeAt(at, data);
    });
    await pair.world.settle(Promise.all([writing.then(() => contribution.close()), stream.close()]));
    expect(Buffer.from(await pair.world.settle(reading)).equals(content)).toBe(true);

    const packet = Buffer.from('a raw packet');
    const sent = pair.primary.sendRawPacket(packet, path.id);
    packet.fill(SCRIBBLE);
    const packets = secondary.rawPackets()[Symbol.asyncIterator]();
    const [{ value }] = await pair.world.settle(Promise.all([packets.next(), sent]));
    expect(Buffer.from((value as { data: Uint8Array }).data).toString()).toBe('a raw packet');
  });

  test('a replica source that reads into the same memory again and again, at a primary and a secondary', async () => {
    const content = pattern(3_000_000, 5);
    // Two, because the primary reads for digests while it reads to send.
    const reusing = (): ReplicaSource => {
      const memories = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)];
      let turn = 0;
      return {
        size: BigInt(content.length),
        read: (offset, length) => {
          const memory = memories[turn++ % 2]!;
          memory.set(content.subarray(Number(offset), Number(offset) + length));
          return Promise.resolve(memory.subarray(0, length));
        },
      };
    };
    const pair = await pairOf({}, { source: reusing() });
    const other = pair.world.server('other', LINK, { source: reusing() });
    await pair.world.settle(pair.primary.addPath(other.address));
    const stream = pair.primary.openStream();
    const reading = pair.client.acceptStream().then(allOf);
    await pair.world.settle(stream.sendFrom('content', reusing()).then(() => stream.close()));
    expect(Buffer.from(await pair.world.settle(reading)).equals(content)).toBe(true);
    expect(pair.client.getAllPaths().every(({ receivedBytes }) => receivedBytes > 0)).toBe(true);
  });
});

describe('readers', () => {
  test('may overwrite what they were given, and it disturbs nothing else', async () => {
    const pair = await pairOf();
    const contents = Array.from({ length: 8 }, (_, index) => pattern(SIZE, index + 10));
    const writing = contents.map(async (content) => {
      const stream = pair.client.openStream();
      for (let at = 0; at < content.length; at += 777) await stream.write(content.subarray(at, at + 777));
      await stream.close();
    });
    const reading = contents.map(async () => {
      const stream = await pair.primary.acceptStream();
      const chunks: Uint8Array[] = [];
      for await (const chunk of stream) {
        chunks.push(chunk.slice());
        chunk.fill(SCRIBBLE);
      }
      return Buffer.concat(chunks);
    });
    const [read] = await pair.world.settle(Promise.all([Promise.all(reading), Promise.all(writing)]));
    expect(read.map((bytes, index) => bytes.equals(contents[index]!))).toEqual(contents.map(() => true));
  });
});

describe('what holds no bytes', () => {
  test.each([
    ['null', null],
    ['a number', 5],
    ['an array', [1, 2, 3]],
    ['an object', {}],
  ])('is refused by name: %s', async (_name, nonsense) => {
    const pair = await pairOf();
    const stream = pair.client.openStream();
    const refused = code('ERR_KWIK_INVALID_ARGUMENT');
    await expect(stream.write(nonsense as never)).rejects.toEqual(refused);
    await expect(pair.primary.sendRawPacket(nonsense as never, 1)).rejects.toEqual(refused);
    const writer = pair.client.openStream().writable.getWriter();
    writer.closed.catch(() => undefined);
    await expect(writer.write(nonsense as never)).rejects.toEqual(refused);
    // The stream goes on where it was.
    const reading = pair.primary.acceptStream().then(allOf);
    await pair.world.settle(stream.write('fine').then(() => stream.close()));
    expect(Buffer.from(await pair.world.settle(reading)).toString()).toBe('fine');
  });

  test('is refused when its memory was transferred away', async () => {
    const pair = await pairOf(undefined, undefined, new SimulatedWorld(2));
    const gone = new Uint8Array(8);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    await expect(pair.client.openStream().write(gone)).rejects.toEqual(code('ERR_KWIK_INVALID_ARGUMENT'));
  });
});
