import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { KwikError } from '@kwik/wire';
import { ClientReturn } from './client-return.js';

function setUp(recoveryMs: number, shortOf?: string) {
  const clock = new VirtualClock();
  const ended: string[] = [];
  const session = {
    clock,
    paths: { size: 0 },
    policy: { limits: { text: shortOf } },
    lost: ({ code }: KwikError) => void ended.push(`lost: ${code}`),
    fail: ({ code, message }: KwikError) => void ended.push(`failed: ${code} ${message}`),
  };
  const feature = new ClientReturn(session, recoveryMs);
  const die = (code: ConstructorParameters<typeof KwikError>[0]): void =>
    feature.onPathDead({ health: 'dead', death: new KwikError(code, 'silent') });
  return { clock, ended, feature, die };
}

describe('a server whose client is away', () => {
  test('waits for it, and no longer than it said', async () => {
    const { clock, ended, feature, die } = setUp(1000);
    die('ERR_KWIK_PATH_DEAD');
    await clock.advanceByAsync(999);
    feature.onPathUp();
    await clock.advanceByAsync(5000);
    expect(ended).toEqual([]);
    die('ERR_KWIK_PATH_DEAD');
    await clock.advanceByAsync(1000);
    expect(ended).toEqual(['failed: ERR_KWIK_NO_PATH the client did not come back in 1000 ms: silent']);
  });

  test('does not wait for one that broke the rules, nor at a secondary', () => {
    const primary = setUp(1000);
    primary.die('ERR_KWIK_PROTOCOL_VIOLATION');
    expect(primary.ended).toEqual(['lost: ERR_KWIK_PROTOCOL_VIOLATION']);
    const secondary = setUp(0);
    secondary.die('ERR_KWIK_PATH_DEAD');
    expect(secondary.ended).toEqual(['lost: ERR_KWIK_PATH_DEAD']);
  });

  test('listens to it for a while longer where it is itself short of something', async () => {
    const silent = { health: 'suspected' } as const;
    const { clock, feature, ended } = setUp(60_000, 'the processor');
    expect(feature.keepsOverdue(silent)).toBe(true);
    await clock.advanceByAsync(7999);
    expect(feature.keepsOverdue(silent)).toBe(true);
    await clock.advanceByAsync(1);
    expect(feature.keepsOverdue(silent)).toBe(false);
    // One that was heard in between has as long again.
    const heard: { health: 'active' | 'suspected' } = { health: 'suspected' };
    expect(feature.keepsOverdue(heard)).toBe(true);
    heard.health = 'active';
    feature.onPathHealth(heard);
    expect(feature.keepsOverdue(heard)).toBe(false);
    heard.health = 'suspected';
    await clock.advanceByAsync(8000);
    expect(feature.keepsOverdue(heard)).toBe(true);

    expect(setUp(1000).feature.keepsOverdue(silent)).toBe(false);
    // It waits from then on, and no longer than it said.
    await clock.advanceByAsync(9000);
    feature.onPathDead({ health: 'dead', death: new KwikError('ERR_KWIK_PATH_DEAD', 'silent') });
    await clock.advanceByAsync(50_999);
    expect(ended).toEqual([]);
    await clock.advanceByAsync(1);
    expect(ended).toEqual([
      'failed: ERR_KWIK_NO_PATH the client did not come back in 60000 ms: nothing is heard from it',
    ]);
    expect(setUp(0, 'the processor').feature.keepsOverdue(silent)).toBe(false);
  });

  test('waits no more when the session has ended', async () => {
    const { clock, ended, feature, die } = setUp(1000);
    die('ERR_KWIK_PATH_DEAD');
    feature.onEnd();
    await clock.advanceByAsync(5000);
    expect(ended).toEqual([]);
  });
});
