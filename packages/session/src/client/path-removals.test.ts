import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { UserCallbacks } from '../runtime/host/user-callbacks.js';
import { PathRegistry } from '../runtime/paths/path-registry.js';
import { FIRST_CLIENT_PATH_ID } from '../limits.js';
import { FakePath } from '../test-support/fake-path.js';
import { PathRemovals } from './path-removals.js';

function setUp() {
  const clock = new VirtualClock();
  const path = new FakePath();
  const paths = new PathRegistry<FakePath>(clock, new UserCallbacks());
  paths.add(path);
  const removals = new PathRemovals({ clock, paths }, () => 0);
  path.onDead = () => {
    paths.remove(path);
    removals.onPathDead(path);
  };
  const remove = async (drainMs: number): Promise<string> => {
    return (await removals.remove({ pathId: 1, reason: 'enough', drainMs, retryAfterMs: 0 })).$case;
  };
  return { clock, path, removals, remove };
}

describe('a path that the primary removes', () => {
  test('goes at once when nothing is to be waited for', async () => {
    const { path, remove } = setUp();
    expect(await remove(0)).toBe('removePathResult');
    expect([path.death?.code, path.sent]).toEqual(['ERR_KWIK_PATH_REMOVED', []]);
  });

  test('has its time; its server hears that it is to finish', async () => {
    const { clock, path, remove } = setUp();
    const answer = remove(500);
    await clock.advanceByAsync(499);
    expect([path.death, path.sent]).toEqual([undefined, ['pathStatus']]);
    await clock.advanceByAsync(1);
    expect([await answer, path.death?.code]).toEqual(['removePathResult', 'ERR_KWIK_PATH_REMOVED']);
  });

  test('goes when its server has nothing more to say', async () => {
    const { path, removals, remove } = setUp();
    const answer = remove(500);
    removals.closedByServer(path, 'done');
    expect([await answer, path.death?.code]).toEqual(['removePathResult', 'ERR_KWIK_PATH_REMOVED']);
  });

  test('that is being removed already answers both commands when it is gone', async () => {
    const { clock, path, remove } = setUp();
    const answers = Promise.all([remove(500), remove(500)]);
    await clock.advanceByAsync(499);
    expect([path.death, path.sent]).toEqual([undefined, ['pathStatus']]);
    await clock.advanceByAsync(1);
    expect(await answers).toEqual(['removePathResult', 'removePathResult']);
    expect(await remove(500)).toBe('pathDead');
  });

  test('goes at once when a second command has no time for it', async () => {
    const { path, remove } = setUp();
    const answers = [remove(500), remove(0)];
    expect(path.death?.code).toBe('ERR_KWIK_PATH_REMOVED');
    expect(await Promise.all(answers)).toEqual(['removePathResult', 'removePathResult']);
  });

  test('a server that closes another path is just gone', () => {
    const { path, removals } = setUp();
    removals.closedByServer(path, 'tired');
    expect(path.death?.code).toBe('ERR_KWIK_PATH_DEAD');
  });
});

describe('a further path to the primary', () => {
  async function spared(retryAfterMs: number, others: readonly number[], reason = 'short of memory') {
    const clock = new VirtualClock();
    const paths = new PathRegistry<FakePath>(clock, new UserCallbacks());
    const path = new FakePath(FIRST_CLIENT_PATH_ID);
    for (const one of [path, ...others.map((id) => new FakePath(id))]) paths.add(one);
    const removals = new PathRemovals({ clock, paths }, () => 0);
    const command = { pathId: path.id, reason, drainMs: 0, retryAfterMs };
    return { answer: await removals.remove(command), path };
  }

  test('goes when the primary says when it takes it again, and another one leads there', async () => {
    const { answer, path } = await spared(2000, [0]);
    expect(answer.$case).toBe('removePathResult');
    expect(path.death).toMatchObject({ code: 'ERR_KWIK_CONNECTION_REFUSED', retryAfterMs: 2000 });
  });

  test('is left alone for an hour at the most, whatever the primary says, which says it on one line', async () => {
    const { path } = await spared(2 ** 32 - 1, [0], 'short of\n\u001b[2Jmemory');
    expect(path.death).toMatchObject({ retryAfterMs: 3_600_000, message: 'short of [2Jmemory' });
  });

  test.each([
    ['it is to be removed for good', 0, [0]],
    ['no other leads there', 2000, [1]],
  ] as const)('stays when %s', async (_name, retryAfterMs, others) => {
    const { answer, path } = await spared(retryAfterMs, others);
    expect(answer).toMatchObject({ $case: 'error' });
    expect(path.death).toBeUndefined();
  });
});
