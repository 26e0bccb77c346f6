import { crc32 } from 'node:zlib';
import { describe, expect, jest, test } from '@jest/globals';
import type { PathCapability, ReplicaSource, ServerSession } from '@kwik/session';
import {
  encodeKcpMessage,
  encodePacket,
  maxStreamsFrame,
  proto,
  rawFrame,
  resetStreamFrame,
  stopSendingFrame,
  streamFrame,
  toStreamId,
  windowUpdateFrame,
  type PathTransport,
  type TransportStream,
} from '@kwik/wire';
import { pattern } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const LINK = { both: { rateBitsPerSecond: 10e6, delayMs: 20, queueBytes: 60_000 } };
const HEADER = pattern(150, 1);
const CONTENT = pattern(500_000, 2);
const TRAILER = pattern(90, 3);
const FILE = Buffer.concat([HEADER, CONTENT, TRAILER]);
const STREAM = toStreamId(0n);
const LIE = new Uint8Array(100).fill(0xee);

type Body = NonNullable<proto.KcpMessage['body']>;

/** What a dishonest server writes to its connection, beside what its honest session does. */
class Intruder {
  #transport!: PathTransport;
  #control: TransportStream | undefined;
  #numbers = 1_000_000n;

  wrap(transport: PathTransport): PathTransport {
    this.#transport = transport;
    return new Proxy(transport, {
      get: (target, name) => {
        if (name === 'attach') return this.#attach.bind(this);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  frame(frame: proto.Frame): void {
    const stream = this.#transport.openStream({ unidirectional: true })!;
    stream.attach(NOBODY);
    stream.write(encodePacket({ packetNumber: this.#numbers++, type: proto.PacketType.DATA, frames: [frame] }, crc32));
  }

  message(body: Body): void {
    const header = { ...NO_HEADER, id: this.#numbers++ };
    this.#control!.write(encodeKcpMessage({ header, body }));
  }

  #attach(handler: Parameters<PathTransport['attach']>[0]): void {
    this.#transport.attach({
      onStream: (stream) => {
        if (!stream.unidirectional) this.#control ??= stream;
        handler.onStream(stream);
      },
      onSendable: () => handler.onSendable(),
      onClose: (info) => handler.onClose(info),
    });
  }
}

const NO_HEADER: proto.MessageHeader = {
  id: 0n,
  inReplyTo: 0n,
  sessionId: new Uint8Array(0),
  priority: proto.Priority.UNSPECIFIED,
  ttlMs: 0,
  timeMs: 0n,
};
const NOBODY = {
  onData: () => undefined,
  onEnd: () => undefined,
  onReset: () => undefined,
  onStopSending: () => undefined,
  onWritable: () => undefined,
};

interface Deed {
  readonly name: string;
  do(intruder: Intruder): void;
  /** Its path lives on: what it said is of no effect. */
  readonly harmless?: boolean;
}

const frameDeed = (name: string, frame: proto.Frame): Deed => ({ name, do: (intruder) => intruder.frame(frame) });
const messageDeed = (name: string, body: Body): Deed => ({ name, do: (intruder) => intruder.message(body) });
const bytesAt = (offset: number, flags: { fin?: boolean } = {}): proto.Frame =>
  streamFrame({ streamId: STREAM, offset: BigInt(offset), data: LIE, ...flags });

const END = HEADER.length + CONTENT.length;
const KEY = { streamId: STREAM, key: 'other', grant: new Uint8Array(0), digest: proto.DigestAlgorithm.SHA256 };

const DEEDS: readonly Deed[] = [
  frameDeed('inside the content', bytesAt(END - 1000)),
  frameDeed('the trailer', bytesAt(END)),
  frameDeed('behind the end', bytesAt(FILE.length)),
  frameDeed('an end', bytesAt(END, { fin: true })),
  frameDeed('a reset', resetStreamFrame({ streamId: STREAM, code: 1, finalSize: 0n })),
  frameDeed('a stop', stopSendingFrame({ streamId: STREAM, code: 1 })),
  frameDeed('credit for a stream', windowUpdateFrame({ streamId: STREAM, maxOffset: 1n << 50n })),
  frameDeed('credit for streams', maxStreamsFrame({ unidirectional: false, maxStreams: 1n << 40n })),
  frameDeed('a raw packet', rawFrame({ data: LIE, sequence: 0n, fromPathId: 0 })),
  messageDeed('content of its own', {
    $case: 'contentStart',
    value: { ...KEY, baseOffset: BigInt(END), size: 100_000n, blockBytes: 16_384, initialBytes: 0n, endsStream: true },
  }),
  messageDeed('another server for the session to go on at', {
    $case: 'standby',
    value: { address: '127.0.0.1:9', serverName: '', ticket: new Uint8Array(100), lifeMs: 60_000, leaving: true },
  }),
  messageDeed('digests', {
    $case: 'contentDigests',
    value: { streamId: STREAM, firstBlock: 0n, digests: new Uint8Array(3200) },
  }),
  messageDeed('an end of content', {
    $case: 'contentEnd',
    value: { streamId: STREAM, complete: false, error: undefined },
  }),
  messageDeed('a stream', {
    $case: 'streamOpened',
    value: {
      streamId: toStreamId(1n),
      priority: 0,
      unidirectional: false,
      metadata: new Map(),
      opening: 1n,
      intent: undefined,
    },
  }),
  messageDeed('a grant to itself', {
    $case: 'contributionGrant',
    value: { streamId: STREAM, pathId: 1, ranges: [{ offset: BigInt(END), length: 1000n }] },
  }),
  messageDeed('the removal of the primary', {
    $case: 'removePath',
    value: { pathId: 0, reason: '', drainMs: 0, retryAfterMs: 0 },
  }),
  messageDeed('a path', {
    $case: 'addPath',
    value: {
      ...{ pathId: 7, address: '10.0.0.9:4433', serverName: '', pin: new Uint8Array(0), token: new Uint8Array(0) },
      ...{ capabilities: [], timeoutMs: 0, weight: 1, metadata: new Map() },
    },
  }),
  messageDeed('the distrust of the primary', {
    $case: 'serverUntrusted',
    value: { pathId: 0, streamId: STREAM, block: 0n, reason: 'evil' },
  }),
];

async function setUp(capabilities: readonly PathCapability[] | undefined) {
  const world = new SimulatedWorld(11);
  const source: ReplicaSource = {
    size: BigInt(CONTENT.length),
    read: (offset, length) => Promise.resolve(CONTENT.slice(Number(offset), Number(offset) + length)),
  };
  const intruder = new Intruder();
  const primary = world.server('10.0.0.1', LINK, { source });
  const peer = world.server('10.0.0.2', LINK, { source, wrap: (transport) => intruder.wrap(transport) });
  const client = await world.dial(primary.address);
  const server: ServerSession = primary.sessions[0]!;
  const { id } = await world.settle(server.addPath(peer.address, capabilities === undefined ? {} : { capabilities }));
  return { world, intruder, source, client, server, peer, id: Number(id) };
}

/** Serves one file as `kwik serve` does, and reads it; `after` so many bytes of it `deed` is done. */
async function transfer(parts: Awaited<ReturnType<typeof setUp>>, after: number, deed: () => void): Promise<Buffer> {
  const { world, client, server, source } = parts;
  const stream = client.openStream();
  const serving = (async () => {
    await stream.write('get');
    const accepted = await server.acceptStream();
    await accepted.write(HEADER);
    await accepted.sendFrom('film', source);
    await accepted.write(TRAILER);
    await accepted.close();
  })();
  const reading = (async () => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    let done = false;
    for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) {
      chunks.push(chunk);
      size += chunk.length;
      if (!done && size > after) {
        done = true;
        deed();
      }
    }
    return Buffer.concat(chunks);
  })();
  const [read] = await world.settle(Promise.all([reading, serving]));
  return read;
}

describe('a secondary that forges', () => {
  test.each(DEEDS)('a secondary that may not contribute, and writes all the same: $name', async (deed) => {
    for (const after of [0, 100_000]) {
      const parts = await setUp(undefined);
      expect((await transfer(parts, after, () => deed.do(parts.intruder))).equals(FILE)).toBe(true);
      const { world, client, server, id } = parts;
      const told = (): boolean =>
        server.getDeadPaths().some(({ errorCode }) => errorCode === 'ERR_KWIK_SERVER_UNTRUSTED');
      expect(await world.clock.runUntilAsync(told, { maxMs: 5000 })).toBe(true);
      expect(client.getDeadPaths()).toMatchObject([{ id, errorCode: 'ERR_KWIK_PROTOCOL_VIOLATION' }]);
      // Not the session, not the primary.
      expect([client, server].map((session) => session.getActivePaths().map((path) => Number(path.id)))).toEqual([
        [0],
        [0],
      ]);
    }
  });

  const CONTRIBUTIONS = DEEDS.filter(({ name }) =>
    ['inside the content', 'the trailer', 'behind the end', 'an end'].includes(name),
  );

  test.each(CONTRIBUTIONS)('one that may contribute elsewhere: $name', async (deed) => {
    const parts = await setUp(['replica', 'contribute', 'raw']);
    const { server, world, client, id } = parts;
    // In another stream it was granted something.
    const other = server.openStream({ unidirectional: true });
    other.skip(1000n);
    await world.settle(server.grantContribution(id, other.id, [{ offset: 0n, length: 1000n }]));
    expect((await transfer(parts, 100_000, () => deed.do(parts.intruder))).equals(FILE)).toBe(true);
    expect(client.getDeadPaths()).toMatchObject([{ id, errorCode: 'ERR_KWIK_PROTOCOL_VIOLATION' }]);
  });

  test('whose path closes with a reason of its own takes only that path along', async () => {
    const parts = await setUp(undefined);
    const close = (): void => parts.intruder.message({ $case: 'close', value: { code: 0, reason: 'x', error: false } });
    expect((await transfer(parts, 100_000, close)).equals(FILE)).toBe(true);
    expect(parts.client.getActivePaths().map(({ id }) => Number(id))).toContain(0);
  });
});

describe('grants of the primary', () => {
  test('are refused for a path without the capability, and for bytes that it wrote', async () => {
    const { server, id } = await setUp(undefined);
    const stream = server.openStream({ unidirectional: true });
    const range = [{ offset: 0n, length: 10n }];
    const denied = { code: 'ERR_KWIK_PERMISSION_DENIED', message: expect.stringContaining('capability contribute') };
    await expect(server.grantContribution(id, stream.id, range)).rejects.toMatchObject(denied);
    await expect(server.grantContribution(9, stream.id, range)).rejects.toMatchObject({
      code: 'ERR_KWIK_PATH_NOT_FOUND',
    });
    const able = await setUp(['contribute']);
    const own = able.server.openStream({ unidirectional: true });
    await able.world.settle(own.write(pattern(10)));
    const grant = (at: bigint, length: bigint) =>
      able.server.grantContribution(able.id, own.id, [{ offset: at, length }]);
    await expect(grant(5n, 10n)).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
    await able.world.settle(grant(10n, 10n));
    await expect(own.write(pattern(1))).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_STATE' });
    await expect(able.server.grantContribution(able.id, 77n, range)).rejects.toMatchObject({
      code: 'ERR_KWIK_STREAM_CLOSED',
    });
  });

  test('that the client has no room for are refused, and those of other streams are not', async () => {
    const { server, world, id, client } = await setUp(['contribute']);
    const stream = server.openStream({ unidirectional: true });
    const ranges = Array.from({ length: 17_000 }, (_, index) => ({ offset: BigInt(2 * index), length: 1n }));
    await expect(world.settle(server.grantContribution(id, stream.id, ranges))).rejects.toMatchObject({
      code: 'ERR_KWIK_LIMIT_EXCEEDED',
    });
    const other = server.openStream({ unidirectional: true });
    await world.settle(server.grantContribution(id, other.id, [{ offset: 0n, length: 10n }]));
    expect(client.getActivePaths()).toHaveLength(2);
  });
});
