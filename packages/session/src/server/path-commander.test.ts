import { describe, expect, test } from '@jest/globals';
import { deriveSessionKeys, Ed25519Signer, errorToDetail, type KcpBody } from '@kwik/kcp';
import { VirtualClock } from '@kwik/testbed';
import { KwikError, proto, sessionIdFromBytes, toPathId } from '@kwik/wire';
import { UserCallbacks } from '../runtime/host/user-callbacks.js';
import { PathRegistry } from '../runtime/paths/path-registry.js';
import type { FakePath } from '../test-support/fake-path.js';
import { PathCommander, type CommandedClient } from './path-commander.js';

const ADDRESS = '192.0.2.7:4433';
const SESSION_ID = sessionIdFromBytes(new Uint8Array(16).fill(1));
const status = (state: proto.PathState, pathId = 1): proto.PathStatus =>
  proto.PathStatus.fromPartial({ pathId, state });

/** A primary whose client answers as it is told to. */
function setUp() {
  const clock = new VirtualClock();
  const paths = new PathRegistry<FakePath>(clock, new UserCallbacks());
  const asked: string[] = [];
  const answers = { addPath: { accepted: true, rttUs: 20_000, serverId: 'north' } as Partial<proto.AddPathResult> };
  const request = (kind: string): Promise<KcpBody> => {
    asked.push(kind);
    const value = proto.AddPathResult.fromPartial({ pathId: 1, ...answers.addPath });
    if (kind === 'addPath') return Promise.resolve({ $case: 'addPathResult', value });
    return Promise.resolve({ $case: 'removePathResult', value: { pathId: 1, removed: true, error: undefined } });
  };
  const client = { request: request as CommandedClient['request'] };
  const commander = new PathCommander(
    { clock, paths, controlPath: client, closeInfo: undefined },
    {
      keys: deriveSessionKeys(SESSION_ID, new Uint8Array(32)),
      signer: Ed25519Signer.fromSeed(new Uint8Array(32)),
      trail: { record: () => undefined },
      wallClockMs: () => Date.UTC(2030, 0, 1),
      random: () => 0.5,
      anchors: () => [],
    },
  );
  const hear = (state: proto.PathState, pathId?: number): void =>
    commander.handlers.pathStatus?.({ id: toPathId(0) } as never, status(state, pathId));
  const stateOf = (): string | undefined => paths.info(toPathId(1))?.state;
  return { clock, asked, answers, client, commander, hear, stateOf };
}

describe('paths that a primary commands', () => {
  test('that are given up while they are being connected are known up to a bound, the newest', async () => {
    const { asked, answers, client, commander, hear } = setUp();
    answers.addPath = { accepted: false };
    for (let id = 1; id <= 300; id++) {
      const adding = commander.addPath(client, ADDRESS);
      await commander.removePath(client, id, '');
      await expect(adding).rejects.toMatchObject({ code: 'ERR_KWIK_CONNECT_FAILED' });
    }
    asked.length = 0;
    // What comes of them all the same is sent away again, where it is known.
    for (let id = 1; id <= 300; id++) hear(proto.PathState.ACTIVE, id);
    expect(asked.length).toBeGreaterThanOrEqual(256);
    expect(asked.length).toBeLessThanOrEqual(257);
  });

  test('are active when the client says so, and connected again when they are lost', async () => {
    const { clock, asked, client, commander, hear, stateOf } = setUp();
    const info = await commander.addPath(client, ADDRESS);
    expect(info).toMatchObject({ id: 1, address: ADDRESS, state: 'active', rttMs: 20, serverId: 'north' });
    hear(proto.PathState.DEAD);
    expect(stateOf()).toBe('dead');
    await clock.advanceByAsync(1000);
    expect([asked, stateOf()]).toEqual([['addPath', 'addPath'], 'active']);
  });

  test('whose death comes together with the answer are connected again', async () => {
    const { clock, asked, client, commander, hear, stateOf } = setUp();
    const adding = commander.addPath(client, ADDRESS);
    // All of it is read in one turn: the answer, which its promise tells later, and what happened since.
    hear(proto.PathState.ACTIVE);
    hear(proto.PathState.SUSPECTED);
    hear(proto.PathState.DEAD);
    expect(await adding).toMatchObject({ state: 'active' });
    await clock.advanceByAsync(0);
    expect(stateOf()).toBe('dead');
    await clock.advanceByAsync(1000);
    expect([asked, stateOf()]).toEqual([['addPath', 'addPath'], 'active']);
  });

  test('that are not to be connected again are forgotten with their death, and known as dead', async () => {
    const { clock, asked, client, commander, hear, stateOf } = setUp();
    await commander.addPath(client, ADDRESS, { reconnect: false });
    hear(proto.PathState.DEAD);
    await clock.advanceByAsync(60_000);
    expect([asked, stateOf()]).toEqual([['addPath'], 'dead']);
    // News of a path that this primary has forgotten change nothing.
    hear(proto.PathState.ACTIVE);
    expect(stateOf()).toBe('dead');
    expect(() => commander.requireAlive(1)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_PATH_DEAD' }));
  });

  test('are dead when the client could not connect, with its reason', async () => {
    const { answers, client, commander, stateOf } = setUp();
    answers.addPath = { accepted: false, error: errorToDetail(new KwikError('ERR_KWIK_CERTIFICATE', 'expired')) };
    await expect(commander.addPath(client, ADDRESS)).rejects.toMatchObject({
      code: 'ERR_KWIK_CERTIFICATE',
      message: `path to ${ADDRESS}: expired`,
    });
    expect(stateOf()).toBe('dead');
  });

  test('are not asked for again when they were removed, or their server lied', async () => {
    for (const end of ['remove', 'untrusted'] as const) {
      const { clock, asked, client, commander, hear } = setUp();
      await commander.addPath(client, ADDRESS);
      if (end === 'remove') await commander.removePath(client, 1, 'enough');
      else commander.handlers.serverUntrusted?.(undefined as never, proto.ServerUntrusted.fromPartial({ pathId: 1 }));
      hear(proto.PathState.DEAD);
      await clock.advanceByAsync(60_000);
      expect(asked.filter((kind) => kind === 'addPath')).toHaveLength(1);
    }
  });

  test('may do what they were added for, and no more', async () => {
    const { client, commander } = setUp();
    await commander.addPath(client, ADDRESS, { capabilities: ['raw'] });
    expect(() => commander.requireCapability(1, 'raw')).not.toThrow();
    expect(() => commander.requireCapability(1, 'contribute')).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_PERMISSION_DENIED' }),
    );
    expect(() => commander.requireCapability(2, 'raw')).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_PATH_NOT_FOUND' }),
    );
  });
});
