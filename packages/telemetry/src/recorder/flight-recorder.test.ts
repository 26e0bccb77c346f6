import { channel } from 'node:diagnostics_channel';
import { expect, it } from '@jest/globals';
import { CounterRegistry, DiagnosticPublisher } from '@kwik/wire';
import { session } from '../test-support/sources.js';
import { FlightRecorder, flightJson, type Flight } from './flight-recorder.js';

const publisher = new DiagnosticPublisher(channel);
const FAILOVER = {
  sessionId: 'one',
  role: 'client',
  atMs: 0,
  pathId: 1,
  address: 'a',
  server: '',
  cause: 'dead',
  gapMs: 1,
  reason: '',
} as const;

it('remembers a minute, no more, and gives it out after a failover, once in ten seconds', () => {
  const counters = new CounterRegistry();
  for (let index = 0; index < 100; index++) counters.add(session());
  const dumps: Flight[] = [];
  let now = 0;
  const recorder = new FlightRecorder({ counters, now: () => now, onDump: (flight) => dumps.push(flight) });
  for (; now < 300_000; now += 250) {
    recorder.sample();
    if (now % 5000 === 0) publisher.publish('kwik:path:failover', () => FAILOVER);
  }
  const { events, samples } = recorder.flight('test');
  expect(samples.length).toBeLessThanOrEqual(241);
  expect(samples[0]!.paths).toHaveLength(32);
  expect(events.length).toBe(12);
  expect(dumps).toHaveLength(30);
  expect(dumps[0]!.events.at(-1)).toMatchObject({ name: 'kwik:path:failover', event: { cause: 'dead' } });
  recorder[Symbol.dispose]();
  publisher.publish('kwik:path:failover', () => FAILOVER);
  expect(recorder.events.length).toBe(12);
});

it('is bounded also when very much happens at once, and is JSON with streams in it', () => {
  const recorder = new FlightRecorder({ counters: new CounterRegistry(), now: () => 0 });
  for (let index = 0n; index < 5000n; index++) {
    const started = { sessionId: 'one', role: 'client', atMs: 0, streamId: index, bytes: 1, sources: 1 } as const;
    publisher.publish('kwik:content:started', () => started);
  }
  expect(recorder.events.length).toBe(2000);
  expect(flightJson(recorder.flight('test'))).toContain('"streamId":"4999"');
  recorder[Symbol.dispose]();
});
