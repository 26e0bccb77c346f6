import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createDiscovery, staticList, type DiscoverySource, type OwnDiscovery } from '@kwik/discovery';
import { askForServers, dial, type ListenOptions, type Session } from '@kwik/session';
import type { AccessRequest, DiscoverySnapshot, ServerDirectory } from '@kwik/wire';
import { Harness } from './harness.js';

/** For machines that do much else at the time. */
jest.setTimeout(60_000);

let harness: Harness;
const discoveries: OwnDiscovery[] = [];
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  for (const discovery of discoveries.splice(0)) discovery.close();
  await harness.close();
});

function directoryOf(...sources: DiscoverySource[]): ServerDirectory {
  const discovery = createDiscovery({ sources });
  discoveries.push(discovery);
  return discovery.service('films');
}

async function sessionWith(options: ListenOptions): Promise<Session> {
  const listener = await harness.listen(options);
  return dial(`127.0.0.1:${listener.address().port}`);
}

const SERVERS = staticList([
  { serverId: 'one', addresses: ['a.test:1', 'b.test:1'], capabilities: ['replica', 'relay'], region: 'eu', weight: 7 },
  { serverId: 'two', addresses: ['c.test:1'], capabilities: ['relay'], region: 'us' },
  // More than the protocol holds: it is left out.
  { serverId: 'ü'.repeat(100), addresses: ['e.test:1'], capabilities: ['replica'] },
  { serverId: 'full', addresses: ['d.test:1'], capabilities: ['replica'], accepting: false },
]);

describe('a client', () => {
  test('asks its primary, and hears within 2 s which servers it would choose (V4.3)', async () => {
    const silent = { name: 'silent', watch: endless };
    const session = await sessionWith({ directory: directoryOf(silent, SERVERS) });
    expect(await askForServers(session, { capabilities: ['replica'] })).toEqual([
      { serverId: 'one', address: 'a.test:1', capabilities: ['replica', 'relay'], region: 'eu', weight: 7 },
    ]);
    expect((await askForServers(session)).map(({ serverId }) => serverId).sort()).toEqual(['one', 'two']);
    expect(await askForServers(session, { region: 'us' })).toMatchObject([{ serverId: 'two' }]);
    expect(await askForServers(session, { limit: 1 })).toHaveLength(1);
    // Nothing suits, and one source is silent: that is an answer, too.
    expect(await askForServers(session, { region: 'nowhere' })).toEqual([]);
    await session.close();
    await expect(askForServers(session)).rejects.toMatchObject({ code: 'ERR_KWIK_SESSION_CLOSED' });
  });

  test('asks no more than ten times at once', async () => {
    const session = await sessionWith({ directory: directoryOf(SERVERS) });
    const asked = await Promise.allSettled(Array.from({ length: 30 }, () => askForServers(session)));
    const answered = asked.filter(({ status }) => status === 'fulfilled').length;
    expect(answered).toBeGreaterThanOrEqual(10);
    expect(answered).toBeLessThan(30);
    const refused = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    for (const reason of refused) expect(reason).toMatchObject({ code: 'ERR_KWIK_LIMIT_EXCEEDED' });
    await session.close();
  });

  test('that may not ask is refused by the name of the rule, and its session goes on', async () => {
    const requests: AccessRequest[] = [];
    const access = {
      decide: (request: AccessRequest) => {
        requests.push(request);
        return request.action === 'query'
          ? ({ allowed: false, rule: 'no questions', reason: 'strangers may not ask' } as const)
          : ({ allowed: true, rule: 'all', limits: {} } as const);
      },
    };
    const session = await sessionWith({ directory: directoryOf(SERVERS), guard: { access } });
    await expect(askForServers(session)).rejects.toMatchObject({
      code: 'ERR_KWIK_PERMISSION_DENIED',
      message: expect.stringMatching(/rule no questions/),
    });
    expect(requests.at(-1)).toMatchObject({ action: 'query', sessionId: session.id, peer: '127.0.0.1' });
    expect(session.getActivePaths()).toHaveLength(1);
    await session.close();
  });

  test('of a primary that knows of none, or whose directory fails, is told so', async () => {
    const without = await sessionWith({});
    await expect(askForServers(without)).rejects.toMatchObject({ code: 'ERR_KWIK_UNSUPPORTED' });
    await without.close();
    const select = (): never => {
      throw new TypeError('a mistake of the application');
    };
    const broken = await sessionWith({ directory: { ...directoryOf(SERVERS), select } });
    await expect(askForServers(broken)).rejects.toMatchObject({ scope: 'peer' });
    expect(broken.getActivePaths()).toHaveLength(1);
    await broken.close();
  });
});

async function* endless(signal: AbortSignal): AsyncIterable<DiscoverySnapshot> {
  await once(signal, 'abort');
  yield { servers: [] };
}
