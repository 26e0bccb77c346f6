import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  dial,
  type AddPathOptions,
  type CloseOptions,
  type ReplicaSource,
  type Stream,
  type StreamOptions,
} from '@kwik/session';
import { Harness } from '../harness.js';
import { allOf, code, outcomeOf, pairOf, streamOf } from './pair.js';

jest.setTimeout(60_000);

const INVALID = 'ERR_KWIK_INVALID_ARGUMENT';

/** As who writes JavaScript may hand it over. */
const wrong = (value: unknown): never => value as never;

describe('a wrong argument is refused by its name, and nothing else comes of it', () => {
  test.each([
    ['a reason in the place of the code', ['bye']],
    ['a code below 0', [-1]],
    ['a code that is no whole number', [1.5]],
    ['a code above 32 bits', [2 ** 32]],
    ['a reason that is no string', [0, 5]],
    ['a time that a timer would take for none', [0, '', { timeoutMs: Infinity }]],
    ['a time that is no number', [0, '', { timeoutMs: '5' }]],
    ['an option that there is not', [0, '', { timeout: 5 }]],
    ['no object of options', [0, '', 5]],
  ] as [string, [number?, string?, CloseOptions?]][])('close of a session, %s', async (_what, args) => {
    const pair = await pairOf();
    for (const session of [pair.client, pair.primary]) {
      await expect(session.close(...args)).rejects.toEqual(code(INVALID));
    }
    // It can be closed by a call that is right.
    const [mine, theirs] = await streamOf(pair);
    await pair.world.settle(Promise.all([mine.write('on it goes'), theirs.read()]));
    await pair.world.settle(pair.client.close(4, 'bye'));
    await pair.world.pass(100);
    expect(await pair.primary.closed).toEqual({ by: 'peer', code: 4, reason: 'bye' });
  });

  test('a controller in the place of its signal: the session and later calls go on', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const controller = { signal: wrong(new AbortController()) };
    await expect(theirs.read(controller)).rejects.toEqual(code(INVALID));
    await expect(mine.write('x', controller)).rejects.toEqual(code(INVALID));
    await expect(mine.peerStopped(controller)).rejects.toEqual(code(INVALID));
    await expect(pair.primary.acceptStream(controller)).rejects.toEqual(code(INVALID));
    await expect(pair.client.openStreamWhenReady(controller)).rejects.toEqual(code(INVALID));
    await expect(theirs.read(wrong(null))).rejects.toEqual(code(INVALID));
    await pair.world.settle(mine.write('it goes on'));
    expect(Buffer.from((await pair.world.settle(theirs.read()))!).toString()).toBe('it goes on');
  });

  test('options of streams and of paths', async () => {
    const { client, primary } = await pairOf();
    const streams: unknown[] = [null, 5, { unidirektional: true }, { unidirectional: 'yes' }];
    for (const options of streams) expect(() => client.openStream(options as StreamOptions)).toThrow(code(INVALID));
    const paths: unknown[] = [
      null,
      { capabilities: 'replica' },
      { capabilities: ['x'] },
      { weigth: 1 },
      { timeoutMs: '5' },
    ];
    for (const options of paths) {
      await expect(primary.addPath('10.9.9.9:1', options as AddPathOptions)).rejects.toEqual(code(INVALID));
    }
    await expect(primary.addPath(wrong(5))).rejects.toEqual(code(INVALID));
    await expect(primary.removePath(0, wrong(5))).rejects.toEqual(code(INVALID));
    await expect(dial(wrong(undefined))).rejects.toEqual(code(INVALID));
    await expect(dial(wrong({ host: 5, port: 5 }))).rejects.toEqual(code(INVALID));
    expect(() => client.onPathChange(wrong(undefined))).toThrow(code(INVALID));
    expect(() => client.onServiceLevelChange(wrong('x'))).toThrow(code(INVALID));
    expect(() => client.onTakeover(wrong(undefined))).toThrow(code(INVALID));
    expect(() => primary.onTakeover(wrong({}))).toThrow(code(INVALID));
    expect(() => client.suspendPath(0, wrong(5))).toThrow(code(INVALID));
  });

  test('sources whose size is no bigint, that cannot be read, or without a key', async () => {
    const pair = await pairOf();
    const [, theirs] = await streamOf(pair);
    const source: ReplicaSource = { size: 5n, read: async () => new Uint8Array(5) };
    const calls: [unknown, unknown][] = [
      [5, source],
      ['k', undefined],
      ['k', { ...source, size: 5 }],
      ['k', { size: 5n }],
    ];
    for (const [key, given] of calls)
      await expect(theirs.sendFrom(wrong(key), wrong(given))).rejects.toEqual(code(INVALID));
    expect(() => theirs.skip(wrong(5))).toThrow(code(INVALID));
  });
});

describe('listeners', () => {
  let harness: Harness;
  beforeEach(async () => void (harness = await Harness.create()));
  afterEach(() => harness.close());

  test('close and accept refuse what they do not know, and go on', async () => {
    const listener = await harness.listen();
    await expect(listener.accept({ signal: wrong(5) })).rejects.toEqual(code(INVALID));
    await expect(listener.close({ timeoutMs: Infinity })).rejects.toEqual(code(INVALID));
    await expect(listener.close(wrong({ forced: true }))).rejects.toEqual(code(INVALID));
    expect(() => listener.updateCredentials(wrong(undefined))).toThrow(code(INVALID));
    const { port } = listener.address();
    await Promise.all([harness.dial(`127.0.0.1:${port}`), listener.accept()]);
    await listener.close({ force: true });
  });
});

describe('a source whose sending is refused is closed once, as one that was sent', () => {
  const counted = (size = 200_000n) => {
    const source = {
      closed: 0,
      size,
      read: async (_offset: bigint, length: number) => new Uint8Array(length),
      close: () => {
        source.closed++;
      },
    };
    return source;
  };

  test.each([
    ['a key that is no text', (stream: Stream, source: ReplicaSource) => stream.sendFrom(wrong(5), source)],
    [
      'a size that is no bigint',
      (stream: Stream, source: ReplicaSource) => stream.sendFrom('k', Object.assign(source, { size: wrong(5) })),
    ],
    [
      'a size below 0',
      (stream: Stream, source: ReplicaSource) => stream.sendFrom('k', Object.assign(source, { size: -1n })),
    ],
    [
      'no function to read it',
      (stream: Stream, source: ReplicaSource) => stream.sendFrom('k', Object.assign(source, { read: wrong(5) })),
    ],
    ['no object of options', (stream: Stream, source: ReplicaSource) => stream.sendFrom('k', source, wrong(null))],
    [
      'an option that there is not',
      (stream: Stream, source: ReplicaSource) => stream.sendFrom('k', source, wrong({ ends: true })),
    ],
    [
      'an end that is neither',
      (stream: Stream, source: ReplicaSource) => stream.sendFrom('k', source, { end: wrong('x') }),
    ],
  ])('%s', async (_what, send) => {
    const pair = await pairOf();
    const [, theirs] = await streamOf(pair);
    const source = counted();
    await expect(pair.world.settle(send(theirs, source))).rejects.toEqual(code(INVALID));
    expect(source.closed).toBe(1);
    // Nothing else comes of it.
    await pair.world.settle(theirs.write('it goes on'));
  });

  test('at the client, on a stream that is closed, and on one that it cannot write', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const [, unwritable] = await streamOf(pair, true);
    const sources = [counted(), counted(), counted()] as const;
    await expect(pair.world.settle(mine.sendFrom('k', sources[0]))).rejects.toEqual(code('ERR_KWIK_INVALID_STATE'));
    void theirs.close();
    await expect(pair.world.settle(theirs.sendFrom('k', sources[1]))).rejects.toEqual(code('ERR_KWIK_STREAM_CLOSED'));
    await expect(pair.world.settle(unwritable.sendFrom('k', sources[2]))).rejects.toEqual(
      code('ERR_KWIK_STREAM_CLOSED'),
    );
    expect(sources.map(({ closed }) => closed)).toEqual([1, 1, 1]);
  });

  test('beside content that is under way in the stream, which goes on', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const [first, second] = [counted(), counted()];
    const reading = allOf(mine);
    const sending = theirs.sendFrom('k', first);
    await expect(pair.world.settle(theirs.sendFrom('k', second))).rejects.toEqual(code('ERR_KWIK_INVALID_STATE'));
    expect([first.closed, second.closed]).toEqual([0, 1]);
    await pair.world.settle(sending);
    theirs.reset();
    await expect(pair.world.settle(reading)).rejects.toEqual(code('ERR_KWIK_STREAM_RESET'));
    expect([first.closed, second.closed]).toEqual([1, 1]);
  });

  test('in a session that has ended, or ends before its turn has come', async () => {
    const pair = await pairOf();
    const [, theirs] = await streamOf(pair);
    // Its client reads nothing: what is written waits for the window.
    const writing = outcomeOf(theirs.write(new Uint8Array(64_000_000)));
    const [waits, late] = [counted(), counted()];
    const waiting = outcomeOf(theirs.sendFrom('k', waits));
    await pair.world.pass(1000);
    expect([writing.state, waiting.state, waits.closed]).toEqual(['pending', 'pending', 0]);
    await pair.world.settle(pair.primary.close(0, '', { timeoutMs: 0 }));
    await pair.world.pass(100);
    expect(waiting.state).toBe('rejected');
    await expect(theirs.sendFrom('k', late)).rejects.toEqual(code('ERR_KWIK_SESSION_CLOSED'));
    expect([waits.closed, late.closed]).toEqual([1, 1]);
  });
});

describe.each([1_000, 200_000])('a source of %s bytes', (bytes) => {
  test('that fails never looks whole to the reader, also when the stream is closed', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    let closed = 0;
    const source: ReplicaSource = {
      size: BigInt(bytes),
      read: () => Promise.reject(new Error('the disk is gone')),
      close: () => {
        closed++;
      },
    };
    const reading = outcomeOf(allOf(mine));
    await theirs.write('before it ');
    const sending = outcomeOf(theirs.sendFrom('film', source));
    await pair.world.pass(500);
    expect(sending).toEqual({ state: 'rejected', value: code('ERR_KWIK_SOURCE_FAILED') });
    const closing = outcomeOf(theirs.close());
    await pair.world.pass(500);
    expect(closing).toEqual({ state: 'rejected', value: code('ERR_KWIK_SOURCE_FAILED') });
    expect(reading.state).toBe('rejected');
    expect(closed).toBe(1);
  });

  test('is closed once when it was sent', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    let closed = 0;
    const source: ReplicaSource = {
      size: BigInt(bytes),
      read: async (_offset, length) => new Uint8Array(length),
      close: () => {
        closed++;
      },
    };
    const reading = allOf(mine);
    await pair.world.settle(theirs.sendFrom('film', source).then(() => theirs.close()));
    expect((await pair.world.settle(reading)).length).toBe(bytes);
    expect(closed).toBe(1);
  });
});
