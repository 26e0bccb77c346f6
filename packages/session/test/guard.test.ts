import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { PathRefusal, ReplicaSource } from '@kwik/session';
import { until } from '@kwik/testbed';
import type { AccessControl, AccessDecision, AccessRequest, AuditEvent, DiagnosticName, ServerTrust } from '@kwik/wire';
import { addressOf, Harness } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

let harness: Harness;
const endings: (() => void)[] = [];
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  for (const end of endings.splice(0)) end();
  await harness.close();
});

/** What is published from now on. */
function heard(name: DiagnosticName): unknown[] {
  const told: unknown[] = [];
  const hear = (event: unknown): void => void told.push(event);
  subscribe(name, hear);
  endings.push(() => unsubscribe(name, hear));
  return told;
}

const ALL: AccessDecision = { allowed: true, rule: 'all', limits: {} };
const NONE: AccessDecision = { allowed: false, rule: 'nobody', reason: 'not you' };

/** Remembers what was asked, and says what `decide` says. */
function asked(decide: (request: AccessRequest) => AccessDecision): {
  access: AccessControl;
  requests: AccessRequest[];
} {
  const requests: AccessRequest[] = [];
  return {
    requests,
    access: {
      decide: (request) => {
        requests.push(request);
        return decide(request);
      },
    },
  };
}

function bytesOf(size: number): ReplicaSource {
  return { size: BigInt(size), read: (offset, length) => Promise.resolve(Buffer.alloc(length, Number(offset % 251n))) };
}

describe('access control', () => {
  test('refuses a client by the name of the rule, which is counted and written down', async () => {
    const { access, requests } = asked(() => NONE);
    const events: AuditEvent[] = [];
    const audit = { fault: undefined, record: (event: AuditEvent) => void events.push(event) };
    const listener = await harness.listen({ guard: { access, audit }, identity: { serverId: 'eu-1' } });
    const told = heard('kwik:trust:decided');
    await expect(harness.dial(listener)).rejects.toMatchObject({
      code: 'ERR_KWIK_PERMISSION_DENIED',
      message: expect.stringContaining('not you (rule nobody)'),
    });
    expect(requests).toMatchObject([{ action: 'open', peer: '127.0.0.1', server: 'eu-1' }]);
    await until(() => events.some(({ kind, code }) => kind === 'refused' && code === 'ERR_KWIK_PERMISSION_DENIED'));
    expect(listener.stats().refused).toEqual({ ERR_KWIK_PERMISSION_DENIED: 1 });
    const by = { subject: '127.0.0.1', action: 'open' };
    expect(told).toEqual([{ ...by, decision: 'refused', reason: 'rule nobody: not you' }]);
  });

  test('that fails lets nobody in', async () => {
    const access = {
      decide: (): never => {
        throw new Error('of the application');
      },
    };
    const listener = await harness.listen({ guard: { access } });
    await expect(harness.dial(listener)).rejects.toMatchObject({ code: 'ERR_KWIK_PERMISSION_DENIED' });
    expect(listener.stats().callbackErrors).toEqual({ 'guard.access': 1 });
  });

  test('is asked at a secondary for the path that joins, and for each content', async () => {
    const { access, requests } = asked(({ action }) => (action === 'content' ? NONE : ALL));
    const secondary = await harness.listen({ replica: () => bytesOf(2_000_000), guard: { access } });
    const { client, server } = await harness.pair();
    await server.addPath(addressOf(secondary));
    const stream = server.openStream({ unidirectional: true });
    const sent = stream.sendFrom('films/a', bytesOf(2_000_000));
    const incoming = await client.acceptStream();
    let received = 0;
    const reading = (async () => {
      for await (const chunk of incoming) received += chunk.length;
    })();
    await sent;
    await stream.close();
    await reading;
    expect(received).toBe(2_000_000);
    const who = { identity: expect.stringMatching(/^key:[0-9a-f]{64}$/u), sessionId: client.id };
    expect(requests).toMatchObject([
      { action: 'join', ...who },
      { action: 'content', ...who, resource: 'films/a' },
    ]);
    expect(client.getAllPaths().find(({ primary }) => !primary)?.receivedBytes).toBe(0);
  });

  test('that allows nothing but forwarding takes neither content nor sessions', async () => {
    const { access } = asked(() => ({ ...ALL, limits: { relayOnly: true } }));
    const resolved: string[] = [];
    const replica = (key: string): ReplicaSource => {
      resolved.push(key);
      return bytesOf(200_000);
    };
    const secondary = await harness.listen({ replica, guard: { access } });
    await expect(harness.dial(secondary)).rejects.toMatchObject({
      code: 'ERR_KWIK_PERMISSION_DENIED',
      message: expect.stringContaining('only be forwarded'),
    });
    const { client, server } = await harness.pair();
    await server.addPath(addressOf(secondary));
    const stream = server.openStream({ unidirectional: true });
    const sent = stream.sendFrom('films/a', bytesOf(200_000));
    const incoming = await client.acceptStream();
    const reading = (async () => {
      let received = 0;
      for await (const chunk of incoming) received += chunk.length;
      return received;
    })();
    await sent;
    await stream.close();
    expect([await reading, resolved]).toEqual([200_000, []]);
  });

  test('is asked at a client for where its primary sends it, besides the rule that always holds', async () => {
    const { access, requests } = asked(() => NONE);
    const refused: PathRefusal[] = [];
    const secondary = await harness.listen();
    const { server } = await harness.pair(
      {},
      { guard: { access }, paths: { onRefused: (refusal) => refused.push(refusal) } },
    );
    await expect(server.addPath(addressOf(secondary))).rejects.toMatchObject({ code: 'ERR_KWIK_CONNECT_FAILED' });
    expect(requests).toMatchObject([{ action: 'dial', peer: '127.0.0.1', resource: addressOf(secondary) }]);
    expect(refused).toMatchObject([{ error: { code: 'ERR_KWIK_PERMISSION_DENIED' } }]);
    expect(secondary.stats().sessions).toBe(0);
  });

  test('ends a session when its time is over, and when it has moved what it may', async () => {
    const short = asked(() => ({ allowed: true, rule: 'short', limits: { untilMs: Date.now() + 300 } }));
    const { client } = await harness.pair({ guard: { access: short.access } });
    expect(await client.closed).toMatchObject({ by: 'peer', error: { code: 'ERR_KWIK_PERMISSION_DENIED' } });

    const little = asked(() => ({ allowed: true, rule: 'little', limits: { bytes: 500_000 } }));
    const pair = await harness.pair({ guard: { access: little.access } });
    const stream = pair.client.openStream();
    void (async () => {
      for (;;) await stream.write(new Uint8Array(100_000));
    })().catch(() => undefined);
    void (async () => {
      for await (const _ of await pair.server.acceptStream());
    })().catch(() => undefined);
    expect(await pair.client.closed).toMatchObject({ error: { code: 'ERR_KWIK_LIMIT_EXCEEDED' } });
  });
});

describe('trust scores of servers', () => {
  test('are asked by the primary before it names a server, and by the client by address and then by key', async () => {
    const secondary = await harness.listen();
    const seen: unknown[] = [];
    const watching: ServerTrust = {
      refusal: (server, uses) => void seen.push([server.pin?.length, uses]),
      observe: (server, conduct) => void seen.push([server.pin?.length, conduct]),
    };
    const { server } = await harness.pair({ guard: { servers: watching } }, { guard: { servers: watching } });
    const path = await server.addPath(addressOf(secondary));
    const uses = ['replica'];
    expect(seen).toEqual([
      [undefined, uses],
      [undefined, uses],
      [64, uses],
      [64, 'connected'],
    ]);
    await server.removePath(path.id);

    const never: ServerTrust = { refusal: () => 'it failed too often', observe: () => undefined };
    const careful = await harness.pair({ guard: { servers: never } });
    await expect(careful.server.addPath(addressOf(secondary))).rejects.toMatchObject({
      code: 'ERR_KWIK_PERMISSION_DENIED',
      message: expect.stringContaining('it failed too often'),
    });
  });

  test('hear of a server that cannot be reached, and of one that is lost', async () => {
    const conduct: string[] = [];
    const servers: ServerTrust = { refusal: () => undefined, observe: (_server, what) => void conduct.push(what) };
    const { server } = await harness.pair({}, { guard: { servers }, timeouts: { handshakeMs: 1000 } });
    await expect(server.addPath('127.0.0.1:9', { timeoutMs: 500 })).rejects.toThrow();
    expect(conduct).toEqual(['unreachable']);
  });
});
