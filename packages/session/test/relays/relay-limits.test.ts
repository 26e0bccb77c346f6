import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { PathInfo, RelayOptions, RelayedTraffic, ServerSession, Session } from '@kwik/session';
import { until } from '@kwik/testbed';
import type { AccessControl, AccessRequest, AuditEvent, AuditSink } from '@kwik/wire';
import { addressOf, Harness, pattern } from '../harness.js';

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.create();
});

afterEach(() => harness.close());

const carrying = (session: Session): PathInfo[] => session.getActivePaths().filter(({ via }) => via !== undefined);

/** Why the path by way of the relay did not come about, as the client's application hears it. */
async function refusal(options: RelayOptions, relay: RelayedTraffic = {}): Promise<string> {
  const listener = await harness.listen({ relay: options });
  const { client, server } = await harness.pair();
  await server.addPath(addressOf(listener), { capabilities: ['relay'], relay, reconnect: false });
  const dead = (): PathInfo | undefined => client.getDeadPaths().find(({ via }) => via !== undefined);
  await until(() => dead()?.reason !== undefined);
  expect([carrying(client), listener.stats().relay.connections]).toEqual([[], 0]);
  return dead()?.reason ?? '';
}

describe('where a relay forwards to', () => {
  test('not to loopback, unless its own configuration names it', async () => {
    expect(await refusal({})).toMatch(/is 127\.0\.0\.1, a loopback address: .* only if its relay\.anchors names it/);
  });

  test('not beyond what its configuration names, whatever a token says', async () => {
    expect(await refusal({ anchors: ['127.0.0.1:1', '192.0.2.1'] })).toMatch(/does not forward to 127\.0\.0\.1:\d+/);
  });

  test('not to what is no address of a server, also when it is named', async () => {
    const anchors = ['224.0.0.1:443', '255.255.255.255:443', '0.0.0.0:443'];
    expect(await refusal({ anchors: ['224.0.0.1', '255.255.255.255', '0.0.0.0'] }, { anchors })).toMatch(
      /no address of a server/,
    );
  });

  test('to the first that it may of those that the token names', async () => {
    const relay = await harness.listen({ relay: { anchors: ['127.0.0.1'] } });
    const { listener, client, server } = await harness.pair();
    const anchors = ['192.0.2.1:4433', addressOf(listener)];
    await server.addPath(addressOf(relay), { capabilities: ['relay'], relay: { anchors } });
    await until(() => carrying(client).length === 1);
  });

  test('to whom a rule of access allows it, and nobody is told of more than the rule', async () => {
    const requests: AccessRequest[] = [];
    const rules = (forward: boolean): AccessControl => ({
      decide: (request) => {
        requests.push(request);
        if (request.action === 'forward' && !forward) return { allowed: false, rule: 'no relay', reason: 'not there' };
        return { allowed: true, rule: 'all', limits: { bytesPerSecond: 50_000, relayOnly: true } };
      },
    });
    const refused: AuditEvent[] = [];
    const audit: AuditSink = {
      fault: undefined,
      record: (event) => {
        if (event.kind === 'refused') refused.push(event);
      },
    };
    for (const allowed of [false, true]) {
      const guard = { access: rules(allowed), audit };
      const relay = await harness.listen({ relay: { anchors: ['127.0.0.1'] }, guard, replica: () => undefined });
      const { listener, client, server } = await harness.pair();
      await server.addPath(addressOf(relay), { capabilities: ['relay', 'replica'], reconnect: false });
      await until(() => requests.some(({ resource }) => resource === addressOf(listener)));
      if (allowed) await until(() => carrying(client).length === 1);
      else
        await until(() => client.getDeadPaths().some(({ reason = '' }) => /not there \(rule no relay\)/u.test(reason)));
    }
    const who = { identity: expect.stringMatching(/^key:[0-9a-f]{64}$/u), peer: '127.0.0.1' };
    expect(requests.filter(({ action }) => action === 'forward')[0]).toMatchObject(who);
    expect(refused[0]).toMatchObject({ code: 'ERR_KWIK_PERMISSION_DENIED', detail: 'not there (rule no relay)' });
  });

  test('for nobody whom no primary sends, unless it is a relay for clients; and that takes a list', async () => {
    const listener = await harness.listen({ relay: { anchors: ['127.0.0.1'] } });
    const { client } = await harness.pair({}, { paths: { relays: [{ address: addressOf(listener) }] } });
    await until(() => client.getDeadPaths().some(({ reason = '' }) => reason.includes('relayOpen')));
    expect(carrying(client)).toEqual([]);
    await expect(harness.listen({ relay: { forClients: true } })).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
      message: expect.stringContaining('relay.anchors'),
    });
  });

  test('a server that is none refuses, and the session goes on', async () => {
    const none = await harness.listen();
    const { client, server } = await harness.pair();
    await server.addPath(addressOf(none), { capabilities: ['relay'] });
    expect(client.getActivePaths()).toHaveLength(2);
    expect(carrying(client)).toEqual([]);
  });

  test.each<[string, RelayedTraffic]>([
    ['no anchor', { anchors: [] }],
    ['nine anchors', { anchors: Array<string>(9).fill('host:1') }],
    ['an anchor without a port', { anchors: ['host'] }],
    ['no bytes', { maxBytes: 0 }],
    ['half a byte a second', { maxBytesPerSecond: 0.5 }],
    ['endless time', { maxDurationMs: Infinity }],
  ])('a primary that says %s is told so at once', async (_what, relay) => {
    const { server } = await harness.pair();
    await expect(server.addPath('127.0.0.1:1', { capabilities: ['relay'], relay })).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
    });
  });
});

describe('how much a relay forwards', () => {
  /** A client whose data goes over both its paths until `bytes` have arrived, all in order. */
  async function send(client: Session, server: ServerSession, bytes: number): Promise<void> {
    const stream = client.openStream();
    const payload = pattern(bytes);
    void stream.write(payload).then(() => stream.close());
    const far = await server.acceptStream();
    const chunks: Uint8Array[] = [];
    for await (const chunk of far) chunks.push(chunk);
    expect(Buffer.compare(Buffer.concat(chunks), payload)).toBe(0);
  }

  test.each<[string, RelayOptions]>([
    ['bytes', { maxBytes: 400_000 }],
    ['time', { maxDurationMs: 1500 }],
  ])(
    'when four fifths of the %s are used the client moves, and comes back with a new grant',
    async (_what, limits) => {
      const options = { anchors: ['127.0.0.1'], forClients: true, ...limits };
      const relay = await harness.listen({ relay: options });
      const listener = await harness.listen();
      const writes = { routing: 'distributed' } as const;
      const paths = { relays: [{ address: addressOf(relay) }] };
      const client = await harness.dial(listener, { writes, paths });
      await until(() => carrying(client).length === 1);
      const states: string[] = [];
      client.onPathChange(({ via, state, reason = '' }) => {
        if (via !== undefined) states.push(`${state} ${reason}`);
      });
      const server = await listener.accept();
      const moves = (): boolean => states.some((state) => state.startsWith('suspended'));
      // As often as it takes: the direct path may carry most of it, and a busy machine makes either suspected for a while.
      for (let round = 0; round < 30 && !moves(); round++) await send(client, server, 2_000_000);
      await until(moves);
      await until(() => states.some((state) => state.startsWith('dead its relay is about to stop')));
      await until(() => states.findLastIndex((state) => state.startsWith('active')) > 0);
      expect(relay.stats().relay.dropped.bytes).toBe(0);
    },
    60_000,
  );

  test('a token asks for less than the relay would grant, and never gets more', async () => {
    const relay = await harness.listen({ relay: { anchors: ['127.0.0.1'], maxBytesPerSecond: 50_000_000 } });
    const { client, server } = await harness.pair({}, { writes: { routing: 'distributed' } });
    await server.addPath(addressOf(relay), {
      capabilities: ['relay'],
      relay: { maxBytesPerSecond: 1, maxBytes: 10 ** 15 },
    });
    await until(() => carrying(client).length === 1);
    // As often as it takes for the relayed path to be given more than its burst: the other one carries most of it.
    for (let round = 0; round < 20 && relay.stats().relay.dropped.rate === 0; round++) {
      const stream = client.openStream();
      const payload = pattern(2_000_000);
      void stream.write(payload).then(() => stream.close());
      const chunks: Uint8Array[] = [];
      for await (const chunk of await server.acceptStream()) chunks.push(chunk);
      expect(Buffer.compare(Buffer.concat(chunks), payload)).toBe(0);
    }
    // A burst, and nothing after it.
    expect(relay.stats().relay.forwardedBytes).toBeLessThan(300_000);
    expect(relay.stats().relay.dropped.rate).toBeGreaterThan(0);
  }, 60_000);
});
