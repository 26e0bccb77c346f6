import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, jest, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { CounterRegistry } from '@kwik/wire';
import { pathReading, sessionReading } from '../test-support/sources.js';
import type { AlertChange } from './alert.js';
import { AlertWatch } from './alert-watch.js';
import { webhookSink } from './webhook-sink.js';

const LONG_MS = 60_000;
jest.setTimeout(LONG_MS);

test('a receiver hears once that a server of forty paths is dead, and once that it is back, though it was out of order', async () => {
  const heard: AlertChange[] = [];
  let requests = 0;
  const receiver = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      requests += 1;
      if (requests > 1) heard.push(JSON.parse(body) as AlertChange);
      response.writeHead(requests > 1 ? 204 : 500).end();
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const lost: unknown[] = [];
  const sink = webhookSink(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`, (error) =>
    lost.push(error),
  );

  const counters = new CounterRegistry();
  let state = 'active';
  const paths = () => Array.from({ length: 40 }, (_, pathId) => pathReading({ pathId, state }));
  counters.add({ kind: 'session', role: 'client', read: () => sessionReading({ paths: paths() }) });
  let nowMs = 0;
  using watch = new AlertWatch({ counters, sinks: [sink], wallClockMs: () => nowMs });
  const seconds = (count: number): void => {
    for (let second = 0; second < count; second++, nowMs += 1000) watch.round();
  };
  seconds(5);
  state = 'suspected';
  seconds(60);
  state = 'active';
  seconds(60);
  await until(() => heard.length === 2, LONG_MS);
  expect(heard).toMatchObject([
    { change: 'raised', alert: { id: 'server north', severity: 'critical', now: 'none of 40 for 3 s' } },
    { change: 'resolved', alert: { id: 'server north', title: 'server north does not answer' } },
  ]);
  expect([requests, lost]).toEqual([3, []]);
  receiver.closeAllConnections();
  receiver.close();
});
