import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { pskClientAuth, pskServerAuth } from '@kwik/session';
import { until } from '@kwik/testbed';
import { KwikError, type AuditEvent, type AuditSink } from '@kwik/wire';
import { QuicConnector } from '../src/client/connector.js';
import { parseTarget } from '../src/client/target.js';
import { addressOf, Harness } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

/** An audit log in memory. */
class Sink implements AuditSink {
  readonly events: AuditEvent[] = [];
  fault: KwikError | undefined;

  record(event: AuditEvent): void {
    this.events.push(event);
  }

  of(kind: AuditEvent['kind']): AuditEvent[] {
    return this.events.filter((event) => event.kind === kind);
  }

  async has(kind: AuditEvent['kind'], count = 1): Promise<AuditEvent[]> {
    await until(() => this.of(kind).length >= count);
    return this.of(kind);
  }
}

let harness: Harness;
let sink: Sink;
beforeEach(async () => {
  harness = await Harness.create();
  sink = new Sink();
});
afterEach(() => harness.close());

describe('an audit log has', () => {
  test('who came, how, and how it ended, at both ends', async () => {
    const key = randomBytes(32);
    const own = new Sink();
    const { listener, client, server } = await harness.pair(
      { guard: { audit: sink }, auth: [pskServerAuth({ keys: new Map([['alice', key]]) })] },
      { guard: { audit: own }, auth: [pskClientAuth({ key, name: 'alice' })] },
    );
    await client.close(7, 'done');
    await server.closed;
    await listener.close({ force: true });
    const kinds = ['listener-opened', 'key-changed', 'session-opened', 'session-closed', 'listener-closed'];
    expect(sink.events.map(({ kind }) => kind)).toEqual(kinds);
    const { id: sessionId } = client;
    const opened = { role: 'primary', sessionId, identity: 'alice', pathId: 0, facts: { mechanism: 'psk' } };
    expect(sink.of('session-opened')).toMatchObject([opened]);
    expect(sink.of('session-closed')).toMatchObject([{ sessionId, detail: 'done', facts: { by: 'peer', close: 7 } }]);
    const pin = sink.of('key-changed')[0]!.facts!['pin'];
    expect(own.events).toMatchObject([
      { kind: 'session-opened', role: 'client', sessionId, peer: addressOf(listener), facts: { pin } },
      { kind: 'session-closed', facts: { by: 'local', close: 7 } },
    ]);
    const all = JSON.stringify([...sink.events, ...own.events]);
    for (const encoding of ['hex', 'base64', 'latin1'] as const) expect(all).not.toContain(key.toString(encoding));
  });

  test('path tokens, by their id, where they are issued and where they are accepted; and paths that go', async () => {
    const there = new Sink();
    const secondary = await harness.listen({ guard: { audit: there } });
    const { client, server } = await harness.pair({ guard: { audit: sink } }, { guard: { audit: sink } });
    const path = await server.addPath(addressOf(secondary));
    const [issued] = sink.of('token-issued');
    const [accepted] = await there.has('token-accepted');
    expect(issued).toMatchObject({ sessionId: client.id, pathId: path.id, peer: addressOf(secondary) });
    expect(accepted).toMatchObject({ sessionId: client.id, facts: { token: issued!.facts!['token'] } });
    expect(accepted!.facts!['signer']).toBe(sink.of('listener-opened')[0]!.facts!['signer']);
    expect(there.of('session-opened')).toMatchObject([{ role: 'secondary', sessionId: client.id }]);
    await server.removePath(path.id);
    expect(await sink.has('path-lost')).toMatchObject([{ role: 'client', code: 'ERR_KWIK_PATH_REMOVED' }]);
  });

  test('who was refused, from where, and why', async () => {
    const auth = [pskServerAuth({ keys: new Map([['alice', randomBytes(32)]]) })];
    const listener = await harness.listen({ guard: { audit: sink }, auth });
    const wrong = harness.dial(listener, { auth: [pskClientAuth({ key: randomBytes(32), name: 'alice' })] });
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_KWIK_AUTH_FAILED' });
    const [refused] = await sink.has('refused');
    expect(refused).toMatchObject({ code: 'ERR_KWIK_AUTH_FAILED', peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/u) });
  });

  test('a violation, which ends the connection at once (V6.4)', async () => {
    const listener = await harness.listen({ guard: { audit: sink } });
    const connector = new QuicConnector({});
    harness.onClose(() => connector.close());
    const transport = await connector.connect(parseTarget(addressOf(listener)), { timeoutMs: 10_000 });
    transport.attach({ onStream: () => undefined, onSendable: () => undefined, onClose: () => undefined });
    const stream = transport.openStream({ unidirectional: false })!;
    stream.attach(NOBODY);
    stream.write(Uint8Array.of(5, 255, 255, 255, 255, 255));
    const [violation] = await sink.has('violation');
    await until(() => transport.closed);
    expect(violation).toMatchObject({ code: 'ERR_KWIK_INVALID_MESSAGE', peer: expect.stringContaining('127.0.0.1:') });
  });
});

describe('while an audit log cannot be written', () => {
  const fault = new KwikError('ERR_KWIK_LOCAL_FILE', 'no space is left');

  test('a listener lets nobody in, sessions that are there go on, and afterwards it does again', async () => {
    const { listener, client, server } = await harness.pair({ guard: { audit: sink } });
    sink.fault = fault;
    await expect(harness.dial(listener)).rejects.toMatchObject({
      code: 'ERR_KWIK_CONNECTION_REFUSED',
      message: expect.stringContaining('audit log'),
    });
    const stream = client.openStream();
    await stream.write('still here');
    expect(Buffer.from((await (await server.acceptStream()).read())!).toString()).toBe('still here');
    sink.fault = undefined;
    await harness.dial(listener);
  });

  test('a client dials nobody', async () => {
    const listener = await harness.listen();
    sink.fault = fault;
    await expect(harness.dial(listener, { guard: { audit: sink } })).rejects.toMatchObject({
      code: 'ERR_KWIK_CONNECTION_REFUSED',
    });
    expect(listener.stats().opened).toBe(0);
  });
});

test('a sink that throws ends nothing, and is counted', async () => {
  const audit = {
    fault: undefined,
    record: () => {
      throw new Error('of the application');
    },
  };
  const { listener, client } = await harness.pair({ guard: { audit } }, { guard: { audit } });
  await client.close();
  expect(listener.stats().callbackErrors['guard.audit']).toBeGreaterThan(2);
});

const NOBODY = {
  onData: () => undefined,
  onEnd: () => undefined,
  onReset: () => undefined,
  onStopSending: () => undefined,
  onWritable: () => undefined,
};
