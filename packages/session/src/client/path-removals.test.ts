import { describe, expect, test } from '@jest/globals';
import type { KcpBody } from '@kwik/kcp';
import { PathMachine } from '@kwik/paths';
import { VirtualClock } from '@kwik/testbed';
import { toPathId, type KwikError } from '@kwik/wire';
import { UserCallbacks } from '../runtime/host/user-callbacks.js';
import { PathRegistry, type ConnectedPath } from '../runtime/paths/path-registry.js';
import { PathRemovals, type RemovablePath } from './path-removals.js';

/** A path to a further server that drains as long as it is told to. */
class FakePath implements RemovablePath, ConnectedPath {
  readonly id = toPathId(1);
  readonly address = '192.0.2.1:1';
  readonly primary = false;
  readonly serverId = undefined;
  readonly machine = new PathMachine(0);
  readonly sent: string[] = [];
  death: KwikError | undefined;
  onDead = (): void => undefined;

  drain(): boolean {
    return true;
  }

  send(body: KcpBody): void {
    this.sent.push(body.$case);
  }

  die(error: KwikError): void {
    if (this.death !== undefined) return;
    this.death = error;
    this.onDead();
  }

  figures() {
    const nothing = { rttMs: 0, deliveryRateBytesPerSecond: 0, lostPackets: 0 };
    return { ...nothing, sentBytes: 0, receivedBytes: 0, duplicateBytes: 0 };
  }
}

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
    return (await removals.remove({ pathId: 1, reason: 'enough', drainMs })).$case;
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

  test('is not removed twice, nor when it is gone', async () => {
    const { remove } = setUp();
    const first = remove(500);
    expect(await remove(500)).toBe('error');
    void first;
  });

  test('a server that closes another path is just gone', () => {
    const { path, removals } = setUp();
    removals.closedByServer(path, 'tired');
    expect(path.death?.code).toBe('ERR_KWIK_PATH_DEAD');
  });
});
