import { expect, test } from '@jest/globals';
import { Ed25519Signer, issueContentGrant, type KcpBody } from '@kwik/kcp';
import { VirtualClock } from '@kwik/testbed';
import { sessionIdFromBytes, toPathId, toStreamId } from '@kwik/wire';
import type { SessionContext } from '../runtime/features/session-context.js';
import { bareEngine } from '../test-support/bare-engine.js';
import { ContentSender } from './content-sender.js';
import { ContentServer } from './content-server.js';

const BLOCK = 64 * 1024;
const SIZE = 4 * 1024 * 1024;
const NOW_MS = 1_800_000_000_000;
const signer = Ed25519Signer.fromSeed(new Uint8Array(32).fill(7));
const sessionId = sessionIdFromBytes(new Uint8Array(16).fill(1));
const STREAM = toStreamId(0n);

/** A path of the client, and the first blocks of the digests that it was sent. */
function pathOf(id: number) {
  const heard: number[] = [];
  const path = {
    id: toPathId(id),
    alive: true,
    port: {},
    send: (body: KcpBody) => {
      if (body.$case === 'contentDigests') heard.push(Number(body.value.firstBlock));
    },
  };
  return { path, heard, die: () => (path.alive = false) };
}

/** A server that has a session of another one with one stream, and counts what it reads of the content of that. */
function standby(reading: () => void = () => undefined) {
  let readBytes = 0;
  const counts = { bidi: 1n, uni: 0n };
  const clock = new VirtualClock();
  const compose = (session: SessionContext) => {
    const common = { sessionId, wallClockMs: () => NOW_MS };
    const read = (_offset: bigint, length: number): Promise<Uint8Array> => {
      readBytes += length;
      reading();
      return Promise.resolve(new Uint8Array(length));
    };
    const replica = () => Promise.resolve({ size: BigInt(SIZE), read });
    const server = new ContentServer(session, {
      ...common,
      ...{ grantKeys: [signer.publicKey], opensOnRequest: true, replica },
    });
    const sender = new ContentSender(session, server, { ...common, signer });
    return { sender, features: [server, sender] };
  };
  const numbers = { own: counts, peer: counts, mayOpen: counts };
  const engine = bareEngine({ role: 'primary', numbers }, compose, clock);
  const fields = { sessionId, streamId: STREAM, key: 'film', size: BigInt(SIZE), expiresMs: NOW_MS + 60_000 };
  const grant = issueContentGrant(signer, fields);
  const resume = async (path: ReturnType<typeof pathOf>['path'], digestsEnd: number): Promise<void> => {
    const message = { streamId: STREAM, grant, baseOffset: 0n, digestsEnd: BigInt(digestsEnd), blockBytes: BLOCK };
    engine.parts.sender.handlers.contentResume!(path, message);
    for (let turn = 0; turn < 20; turn++) await clock.advanceByAsync(1);
  };
  return { resume, engine, read: () => readBytes };
}

test('content of a primary before is hashed again for each path that its client gets, and not at each word', async () => {
  const { resume, engine, read } = standby();
  const [one, other, third] = [pathOf(0), pathOf(65_537), pathOf(65_538)];
  await resume(one.path, 0);
  expect(one.heard).toEqual([0, 16, 32, 48]);
  expect(read()).toBe(SIZE);
  await resume(other.path, 0);
  expect(other.heard).toEqual([0, 16, 32, 48]);
  for (let round = 0; round < 5; round++) {
    await resume(one.path, 0);
    await resume(other.path, 0);
  }
  expect(read()).toBe(2 * SIZE);
  // The one that it heard over is lost: what came over it may be lost, too.
  other.die();
  await resume(one.path, 33);
  expect(one.heard).toEqual([0, 16, 32, 48, 32, 48]);
  await resume(third.path, 64);
  expect(third.heard).toEqual([63]);
  engine.finish({ by: 'local', code: 0, reason: '' }, false);
});

test('digests that were being made when their path was lost go over the one by which the client goes on', async () => {
  const [one, other] = [pathOf(0), pathOf(65_537)];
  let lost = false;
  const { resume, engine } = standby(() => {
    if (lost) return;
    lost = true;
    one.die();
    engine.parts.sender.onPathDead();
    void resume(other.path, 0);
  });
  await resume(one.path, 0);
  expect(one.heard).toEqual([]);
  expect(other.heard).toEqual([0, 16, 32, 48]);
  engine.finish({ by: 'local', code: 0, reason: '' }, false);
});
