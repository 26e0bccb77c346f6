import { describe, expect, jest, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { DiagnosticPublisher, KwikError, type DiscoverySnapshot, type ServerDiscovered } from '@kwik/wire';
import { createDiscovery, type DiscoveryOptions } from '../discovery.js';
import type { DiscoverySource } from '../sources/discovery-source.js';
import { staticList } from '../sources/static-list.js';
import { record, snapshot } from '../test-support/records.js';

/** A source that a test speaks for. */
class Puppet implements DiscoverySource {
  watches = 0;
  #wake: (() => void) | undefined;
  readonly #waiting: (DiscoverySnapshot | Error)[] = [];

  constructor(readonly name: string) {}

  say(...what: (DiscoverySnapshot | Error)[]): void {
    this.#waiting.push(...what);
    this.#wake?.();
  }

  async *watch(signal: AbortSignal): AsyncIterable<DiscoverySnapshot> {
    this.watches++;
    for (;;) {
      const next = this.#waiting.shift();
      if (next instanceof Error) throw next;
      if (next !== undefined) yield next;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      if (signal.aborted) return;
    }
  }
}

async function pass(clock: VirtualClock, ms: number): Promise<void> {
  await clock.advanceByAsync(ms);
}

function world(sources: readonly DiscoverySource[], more: Partial<DiscoveryOptions> = {}) {
  const clock = new VirtualClock();
  const discovery = createDiscovery({ sources, clock, random: () => 0.5, wallClockMs: () => 0, ...more });
  return { clock, discovery, directory: discovery.service('files') };
}

describe('the directory of a service', () => {
  test('a query is answered within 2 s, also while a source says nothing (V4.3)', async () => {
    const { clock, directory, discovery } = world([new Puppet('silent')]);
    let answered = false;
    void directory.select({ count: 1 }).then(() => (answered = true));
    await pass(clock, 1000);
    expect(answered).toBe(false);
    await pass(clock, 1000);
    expect(answered).toBe(true);
    discovery.close();
  });

  test('and at once when there is something', async () => {
    const { clock, directory, discovery } = world([new Puppet('silent'), staticList(['a.test:1'])]);
    const selecting = directory.select({ count: 1 });
    await pass(clock, 20);
    const { chosen, notes } = await selecting;
    expect(chosen[0]?.record.addresses).toEqual(['a.test:1']);
    expect(notes).toEqual(['silent has not answered yet']);
    discovery.close();
  });

  test('a source that fails leaves the others working, is asked again, and what it said stays (V4.4)', async () => {
    const [flaky, good] = [new Puppet('flaky'), new Puppet('good')];
    const { clock, directory, discovery } = world([flaky, good]);
    flaky.say(snapshot(record('a')), new Error('the network is down'));
    good.say(snapshot(record('b')));
    await pass(clock, 100);
    const { chosen, notes } = directory.selectNow({ count: 9 });
    expect(chosen.map(({ record: { serverId } }) => serverId).sort()).toEqual(['a', 'b']);
    expect(notes).toEqual(['flaky fails (the network is down); its 1 servers are of before']);
    await pass(clock, 2000);
    expect(flaky.watches).toBeGreaterThan(1);
    flaky.say(snapshot(record('c')));
    await pass(clock, 100);
    expect(directory.find('a')).toBeUndefined();
    expect(directory.find('c')).toBeDefined();
    discovery.close();
  });

  test('a source that comes back is heard within 30 s, however long it failed (V2.4, V4.2)', async () => {
    const flaky = new Puppet('flaky');
    const { clock, directory, discovery } = world([flaky], { random: () => 0.999 });
    for (let minute = 0; minute < 20; minute++) {
      flaky.say(new Error('down'));
      await pass(clock, 15_000);
    }
    flaky.say(snapshot(record('new', { capabilities: ['relay'] })));
    await pass(clock, 29_000);
    expect(directory.search({ capabilities: ['relay'] }, 9)).toHaveLength(1);
    discovery.close();
  });

  test('changes are told, several together; a listener that throws harms nobody', async () => {
    const source = new Puppet('one');
    const errors: unknown[] = [];
    const { clock, directory, discovery } = world([source], { onError: (error) => errors.push(error) });
    let told = 0;
    directory.onChange(() => {
      throw new Error('mine');
    });
    const end = directory.onChange(() => told++);
    source.say(snapshot(record('a')), snapshot(record('a'), record('b')));
    await pass(clock, 100);
    expect(told).toBe(1);
    expect(errors).toHaveLength(1);
    end();
    source.say(snapshot());
    await pass(clock, 100);
    expect(told).toBe(1);
    discovery.close();
  });

  test('what becomes of servers is published, each time with the reason', async () => {
    const [first, second] = [new Puppet('dns'), new Puppet('etcd')];
    const heard: string[] = [];
    const publisher = new DiagnosticPublisher((name) => ({
      hasSubscribers: name === 'kwik:discovery:server',
      publish: (event) => {
        const { server, source, change, reason } = event as ServerDiscovered;
        heard.push(`${source}: ${server} ${change}: ${reason}`);
      },
    }));
    const { clock, directory, discovery } = world([first, second], { publisher });
    const news = async (ms: number) => {
      await pass(clock, ms);
      return heard.splice(0);
    };
    first.say({
      servers: [
        { record: record('a'), ttlMs: undefined },
        { record: record('b'), ttlMs: 60_000 },
      ],
    });
    expect(await news(10)).toEqual(['files: a found: named by dns', 'files: b found: named by dns']);
    second.say(snapshot(record('a', { tags: ['ssd'] })));
    expect(await news(10)).toEqual(['files: a changed: other tags']);
    directory.heartbeat('a', { load: 0.5, accepting: false });
    expect(await news(10)).toEqual(['files: a changed: load 0.50, takes no more clients']);
    // The same again is no news.
    directory.heartbeat('a', { load: 0.5, accepting: false });
    expect(await news(10)).toEqual([]);
    for (let n = 0; n < 4; n++) {
      directory.observe('b', { kind: 'failure', error: new KwikError('ERR_KWIK_TIMEOUT', 'no answer') });
    }
    const changes = jest.fn();
    directory.onChange(changes);
    expect(await news(9000)).toEqual(['files: b unhealthy: 3 failures in a row, the last: no answer, for 10 s more']);
    changes.mockClear();
    expect(await news(2000)).toEqual(['files: b healthy: its time out is over']);
    // Whoever waits for a server that may be used is woken.
    expect(changes).toHaveBeenCalledTimes(1);
    expect(await news(60_000)).toContain('files: b lost: its time is over');
    second.say(snapshot());
    first.say(snapshot());
    expect(await news(10)).toEqual(['files: a changed: other tags', 'files: a lost: dns names it no more']);
    discovery.close();
  });

  test('idle servers are probed, and what comes of it counts', async () => {
    const asked: string[] = [];
    const { clock, directory, discovery } = world(
      [staticList([{ serverId: 'a', addresses: ['a.test:1'] }, 'b.test:1', 'c.test:1'])],
      {
        probe: async ({ addresses }) => {
          asked.push(addresses[0]!);
          if (addresses[0] === 'a.test:1') throw new KwikError('ERR_KWIK_TIMEOUT', 'no answer');
          return 20;
        },
      },
    );
    await pass(clock, 50_000);
    expect(new Set(asked)).toEqual(new Set(['a.test:1', 'b.test:1', 'c.test:1']));
    expect(directory.usable('a')).toBe(false);
    expect(directory.usable('b.test:1')).toBe(true);
    discovery.close();
  });

  test('a judge that refuses, or fails, keeps a server out (V4.5)', async () => {
    const judge = {
      refusal: ({ serverId }: { serverId: string }) => {
        if (serverId === 'broken') throw new Error('the judge is ill');
        return serverId === 'liar' ? 'it lied' : undefined;
      },
      score: () => 1,
    };
    const servers = ['good', 'liar', 'broken'].map((serverId) => ({ serverId, addresses: [`${serverId}.test:1`] }));
    const { clock, directory, discovery } = world([staticList(servers)], { judge });
    await pass(clock, 20);
    const { chosen, rejected } = directory.selectNow({ count: 9 });
    expect(chosen.map(({ record: { serverId } }) => serverId)).toEqual(['good']);
    expect(rejected.map(({ reason }) => reason)).toEqual([
      'not trusted: it lied',
      'not trusted: it could not be judged',
    ]);
    discovery.close();
  });

  test('what comes after it was closed is no news, as of probes that end then', async () => {
    const heard = jest.fn();
    const publisher = new DiagnosticPublisher(() => ({
      hasSubscribers: true,
      publish: (event) => void heard((event as ServerDiscovered).change),
    }));
    const probe = (_: unknown, signal: AbortSignal) =>
      new Promise<number>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new KwikError('ERR_KWIK_ABORTED', 'it was closed')));
      });
    const { clock, directory, discovery } = world([staticList([{ serverId: 'a', addresses: ['a.test:1'] }])], {
      probe,
      publisher,
    });
    await pass(clock, 10_000);
    for (let n = 0; n < 2; n++) {
      directory.observe('a', { kind: 'failure', error: new KwikError('ERR_KWIK_TIMEOUT', 'no answer') });
    }
    await pass(clock, 30_000);
    discovery.close();
    directory.heartbeat('a', { load: 0.5, accepting: false });
    await pass(clock, 0);
    expect(heard.mock.calls).toEqual([['found']]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('closed, it leaves no timer and asks nobody', async () => {
    const source = new Puppet('one');
    const { clock, discovery } = world([source]);
    source.say(new Error('down'));
    await pass(clock, 10);
    discovery.close();
    await pass(clock, 60_000);
    expect(clock.pendingTimers).toBe(0);
    expect(source.watches).toBe(1);
    expect(() => discovery.service('files')).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_STATE' }));
  });

  test('names and sources are checked', () => {
    const { discovery } = world([staticList(['a:1'])]);
    for (const name of ['', '../etc', 'a b', 'x'.repeat(300)]) {
      expect(() => discovery.service(name)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
    }
    for (let n = 0; n < 63; n++) discovery.service(`s${n}`);
    expect(() => discovery.service('one-more')).toThrow(expect.objectContaining({ code: 'ERR_KWIK_LIMIT_EXCEEDED' }));
    discovery.close();
    expect(() => createDiscovery({ sources: [staticList([]), staticList([])] })).toThrow(
      /two sources are called 'list'/,
    );
    expect(() => createDiscovery({ sources: [] })).toThrow(/1 to 16 sources/);
  });
});
