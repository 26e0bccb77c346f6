import { describe, expect, test } from '@jest/globals';
import { Ed25519Signer, issueContentGrant, type KcpBody } from '@kwik/kcp';
import type { proto } from '@kwik/wire';
import { sessionIdFromBytes, toPathId, toStreamId } from '@kwik/wire';
import type { ReplicaSource } from '../api/session.js';
import { bareEngine } from '../test-support/bare-engine.js';
import { ContentServer } from './content-server.js';

const MEGABYTE = 1024 * 1024;
const NOW_MS = 1_800_000_000_000;
const MAX_WAITING = 8192;
const signer = Ed25519Signer.fromSeed(new Uint8Array(32).fill(7));
const sessionId = sessionIdFromBytes(new Uint8Array(16).fill(1));
const STREAM = toStreamId(1n);

/** A path, as far as it hears of refusals. */
function pathOf(id: number) {
  const refused: proto.RangeRefused[] = [];
  const path = {
    id: toPathId(id),
    alive: true,
    send: (body: KcpBody) => {
      if (body.$case === 'rangeRefused') refused.push(body.value);
    },
  };
  return { path, refused, die: () => (path.alive = false) };
}

/** A secondary whose application is asked for content, and answers when it is told to. */
function waitingServer() {
  let found!: (source: ReplicaSource) => void;
  const replica = () => new Promise<ReplicaSource>((resolve) => (found = resolve));
  const options = {
    sessionId,
    grantKeys: [signer.publicKey],
    opensOnRequest: true,
    wallClockMs: () => NOW_MS,
    replica,
  };
  const engine = bareEngine({ role: 'secondary', maxStreams: 0 }, (session) => {
    const server = new ContentServer(session, options);
    return { server, features: [server] };
  });
  return { server: engine.parts.server, engine, found: (source: ReplicaSource) => found(source) };
}

const size = BigInt(MEGABYTE);
const grant = issueContentGrant(signer, { sessionId, streamId: STREAM, key: 'film', size, expiresMs: NOW_MS + 60_000 });
const asking = (block: number): proto.RangeRequest => ({
  streamId: STREAM,
  requestId: BigInt(block),
  offset: BigInt(block % 256) * 4096n,
  length: 4096,
  grant,
  baseOffset: 0n,
});

describe('requests that wait while the source is being found', () => {
  test('are bounded; those beyond are refused one by one, to be asked again', () => {
    const { server } = waitingServer();
    const { path, refused } = pathOf(1);
    for (let block = 0; block < MAX_WAITING + 3; block++) server.request(path, asking(block));
    expect(refused.map(({ requestIds }) => requestIds)).toEqual([
      [BigInt(MAX_WAITING)],
      [BigInt(MAX_WAITING + 1)],
      [BigInt(MAX_WAITING + 2)],
    ]);
    // Room is made by those that are not wanted any more.
    server.cancel(path, { streamId: STREAM, requestIds: [0n, 1n] });
    for (let block = 0; block < 3; block++) server.request(path, asking(block));
    expect(refused).toHaveLength(4);
    // And by the end of the content.
    server.end(STREAM);
    server.request(path, asking(5));
    expect(refused).toHaveLength(4);
  });

  test('go to the path that asked, and to none that is dead', async () => {
    const { server, engine, found } = waitingServer();
    const [one, other, dead] = [pathOf(1), pathOf(2), pathOf(3)];
    server.request(one.path, asking(0));
    server.request(other.path, asking(1));
    server.request(dead.path, asking(2));
    dead.die();
    found({ size, read: (_offset, length) => Promise.resolve(new Uint8Array(length)) });
    // Reads of one content come one after the other.
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    const { supply } = engine.streams.get(STREAM)!;
    const taken = [one, other, dead].map(({ path }) => supply!.take(path.id, 65_536)?.offset);
    expect(taken).toEqual([0, 4096, undefined]);
  });
});
