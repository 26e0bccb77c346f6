import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import type { AuditEvent } from '@kwik/wire';
import { ViolationAlerts } from './violation-alerts.js';
import type { WebhookOptions } from './webhook-queue.js';

const VIOLATION: AuditEvent = {
  kind: 'violation',
  code: 'ERR_KWIK_INVALID_FRAME',
  peer: '192.0.2.1:9',
  detail: 'a\nb',
};

let closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing) close();
  closing = [];
});

/** A webhook that answers with these statuses in turn, the last one again and again. */
async function webhookOf(...statuses: readonly number[]) {
  const bodies: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      headers.push(request.headers);
      bodies.push(body);
      response
        .writeHead(statuses[Math.min(bodies.length, statuses.length) - 1]!, { location: '/elsewhere' })
        .end('thanks');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, bodies, headers };
}

/** Waits take no time. */
const waits: number[] = [];
const schedule: WebhookOptions['schedule'] = (delayMs, callback) => {
  waits.push(delayMs);
  setImmediate(callback);
};

describe('a violation', () => {
  test('is written down, logged in one line and told to the webhook; other events are only written down', async () => {
    const { url, bodies, headers } = await webhookOf(204);
    const lines: string[] = [];
    const events: AuditEvent[] = [];
    const audit = { fault: undefined, record: (event: AuditEvent) => void events.push(event) };
    const webhook = { url, headers: { authorization: 'Bearer x' } };
    const alerts = new ViolationAlerts({ audit, log: (line) => lines.push(line), webhook });
    alerts.record({ kind: 'refused', code: 'ERR_KWIK_AUTH_FAILED' });
    alerts.record(VIOLATION);
    await until(() => alerts.stats.delivered === 1);
    expect(events.map(({ kind }) => kind)).toEqual(['refused', 'violation']);
    expect(lines).toEqual([JSON.stringify({ alert: 'violation', ...VIOLATION })]);
    expect(lines[0]).not.toContain('\n');
    expect(bodies.map((body) => JSON.parse(body) as unknown)).toEqual([VIOLATION]);
    expect(headers[0]).toMatchObject({ authorization: 'Bearer x', 'content-type': 'application/json' });
  });

  test('is told again when the webhook fails, with growing waits, and given up in the end', async () => {
    waits.length = 0;
    const { url, bodies } = await webhookOf(500, 503, 200);
    const alerts = new ViolationAlerts({ log: () => undefined, webhook: { url, schedule } });
    alerts.record(VIOLATION);
    await until(() => alerts.stats.delivered === 1);
    expect([bodies.length, waits]).toEqual([3, [1000, 2000]]);
    const down = await webhookOf(500);
    const lost = new ViolationAlerts({ log: () => undefined, webhook: { url: down.url, schedule } });
    lost.record(VIOLATION);
    await until(() => lost.stats.lost === 1);
    expect(down.bodies).toHaveLength(5);
  });

  test('follows no redirection, which could lead into the own network', async () => {
    const { url, bodies } = await webhookOf(302);
    const alerts = new ViolationAlerts({ log: () => undefined, webhook: { url, schedule, tries: 2 } });
    alerts.record(VIOLATION);
    await until(() => alerts.stats.lost === 1);
    expect(bodies).toHaveLength(2);
  });

  test('of many peers at once costs one request at a time and a bounded queue', async () => {
    let under = 0;
    let most = 0;
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const slow: typeof fetch = async () => {
      most = Math.max(most, ++under);
      await gate;
      under--;
      return new Response(null, { status: 204 });
    };
    const alerts = new ViolationAlerts({ log: () => undefined, webhook: { url: 'http://127.0.0.1:1', fetch: slow } });
    for (let count = 0; count < 1000; count++) alerts.record(VIOLATION);
    expect(alerts.stats).toEqual({ violations: 1000, delivered: 0, lost: 899 });
    release();
    await until(() => alerts.stats.delivered === 101);
    expect(most).toBe(1);
  });

  test('needs a URL that can be read', () => {
    expect(() => new ViolationAlerts({ webhook: { url: 'nowhere' } })).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
    );
  });
});
