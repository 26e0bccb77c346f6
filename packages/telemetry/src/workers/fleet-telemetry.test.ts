import { channel } from 'node:diagnostics_channel';
import { afterEach, describe, expect, test } from '@jest/globals';
import { pause } from '@kwik/testbed';
import { CounterRegistry, DiagnosticPublisher, type PathReading } from '@kwik/wire';
import { pathReading, sessionReading } from '../test-support/sources.js';
import { FleetTelemetry } from './fleet-telemetry.js';
import { WorkerTelemetry } from './worker-telemetry.js';

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

interface Worker {
  readonly counters: CounterRegistry;
  /** Answers nothing while false; it has what it was asked. */
  answers: boolean;
}

/** Workers with a session each, in the place of processes: messages go as JSON, a turn of the loop later. */
async function setUp(paths: readonly (readonly PathReading[])[]) {
  const fleet = new FleetTelemetry({
    send: (to, message) => {
      setImmediate(() => deliver(to, JSON.stringify(message)));
      return true;
    },
  });
  endings.push(() => fleet[Symbol.dispose]());
  const held = new Map<number, string[]>();
  const watchers = new Map<number, WorkerTelemetry>();
  const workers = paths.map((own, worker): Worker => {
    const counters = new CounterRegistry();
    const reading = sessionReading({ sessionId: `0${worker}aa`, role: 'primary', paths: [...own] });
    counters.add({ kind: 'session', role: 'primary', read: () => reading });
    const watcher = new WorkerTelemetry({
      counters,
      send: (message) => setImmediate(() => fleet.take(worker, JSON.parse(JSON.stringify(message)))),
    });
    endings.push(() => watcher[Symbol.dispose]());
    watchers.set(worker, watcher);
    fleet.add(worker);
    return { counters, answers: true };
  });
  function deliver(to: number, text: string): void {
    if (workers[to]!.answers) watchers.get(to)!.take(JSON.parse(text));
    else held.set(to, [...(held.get(to) ?? []), text]);
  }
  const release = (to: number): void => {
    workers[to]!.answers = true;
    for (const text of held.get(to) ?? []) deliver(to, text);
  };
  const admin = await fleet.admin({ port: 0 });
  endings.push(() => admin.close());
  const ask = async (path: string) => {
    const response = await fetch(admin.url + path);
    return { status: response.status, text: await response.text() };
  };
  const json = async (path: string) => JSON.parse((await ask(path)).text) as Record<string, unknown>;
  return { fleet, workers, ask, json, release, held, url: admin.url };
}

function valueOf(text: string, series: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length));
}

const north = (rttMs: number, more: Partial<PathReading> = {}): PathReading => pathReading({ rttMs, ...more });

describe('several workers, shown as one', () => {
  test('counters and levels are summed, the largest is the largest, and quantiles are those of all paths', async () => {
    const { ask } = await setUp([
      [north(10), north(20)],
      [north(30), north(40, { keyPackets: 500 })],
    ]);
    const { text } = await ask('metrics');
    expect(valueOf(text, 'kwik_sessions{role="primary"}')).toBe(2);
    expect(valueOf(text, 'kwik_path_bytes_total{role="primary",server="north",direction="sent"}')).toBe(4000);
    expect(valueOf(text, 'kwik_key_packets{role="primary"}')).toBe(500);
    const rtt = (quantile: string) =>
      valueOf(text, `kwik_path_rtt_seconds{role="primary",server="north",quantile="${quantile}"}`);
    expect([rtt('0.5'), rtt('0.9'), rtt('1')]).toEqual([0.02, 0.04, 0.04]);
    expect(valueOf(text, 'kwik_workers{state="answering"}')).toBe(2);
    expect(valueOf(text, 'kwik_workers{state="silent"}')).toBe(0);
  });

  test('sessions are listed with their worker, with the paths of the one that is asked for', async () => {
    const { json, fleet } = await setUp([[north(10)], [north(30), north(40)]]);
    const state = await json('state');
    expect(state).toMatchObject({
      total: 2,
      sessions: [
        { id: '00aa.primary', worker: 0 },
        { id: '01aa.primary', worker: 1 },
      ],
      session: '00aa.primary',
      paths: [{ rttMs: 10 }],
      servers: [{ name: 'north', paths: 3 }],
    });
    expect(await json('state?session=01aa.primary')).toMatchObject({ paths: [{ rttMs: 30 }, { rttMs: 40 }] });
    // What happens in a worker is told with its number, once.
    const publisher = new DiagnosticPublisher(channel);
    publisher.publish('kwik:session:opened', () => ({
      sessionId: 'x',
      role: 'primary',
      atMs: 0,
      peer: '192.0.2.1:1',
      service: '',
    }));
    await fleet.refresh({});
    const { lines } = (await json('state')) as { lines: { message: string }[] };
    expect(lines.map(({ message }) => message.slice(0, 4)).sort()).toEqual(['[0] ', '[1] ']);
  });

  test('an open page has the paths of its session from the first word on, and at each further one', async () => {
    const { url } = await setUp([[north(10)], [north(30), north(40)]]);
    const all = ['events', 'events?session=01aa.primary'].map(async (path) => {
      const reader = (await fetch(url + path)).body!.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      while (text.split('\n\n').length < 6) text += (await reader.read()).value ?? '';
      await reader.cancel();
      return text
        .split('\n\n')
        .slice(0, 5)
        .map((event) => JSON.parse(event.replace('data: ', '')) as { session: string; paths: unknown[] | null });
    });
    const [first, chosen] = await Promise.all(all);
    expect(first!.map(({ session, paths }) => [session, paths?.length])).toEqual(Array(5).fill(['00aa.primary', 1]));
    expect(chosen!.map(({ session, paths }) => [session, paths?.length])).toEqual(Array(5).fill(['01aa.primary', 2]));
    expect(first![0]).toMatchObject({ total: 2, sessions: [{ worker: 0 }, { worker: 1 }] });
  });

  test('a worker that is stuck costs one bounded wait, is left out by name, and is there again when it answers', async () => {
    const { ask, json, workers, release, held, fleet } = await setUp([[north(10)], [north(30)]]);
    expect(valueOf((await ask('metrics')).text, 'kwik_sessions{role="primary"}')).toBe(2);
    workers[1]!.answers = false;
    await ask('metrics');
    const started = performance.now();
    const { text } = await ask('metrics');
    // The wait for it is over, and begins no second time: this one is far below it, on a machine however busy.
    expect(performance.now() - started).toBeLessThan(900);
    expect(valueOf(text, 'kwik_workers{state="silent"}')).toBe(1);
    expect(valueOf(text, 'kwik_sessions{role="primary"}')).toBe(1);
    // Counters do not go back.
    expect(valueOf(text, 'kwik_path_bytes_total{role="primary",server="north",direction="sent"}')).toBe(2000);
    expect(await json('health')).toEqual({ status: 'degraded', problems: ['worker 1 does not answer'] });
    expect(await json('state')).toMatchObject({ total: 1, alerts: [{ title: 'Worker 1 does not answer' }] });
    expect((await json('flight'))['workers']).toMatchObject([
      { worker: 0 },
      { worker: 1, problem: 'it does not answer' },
    ]);
    for (let times = 0; times < 100; times++) void fleet.refresh({ metrics: true });
    // One question, however often it is asked for.
    expect(held.get(1)).toHaveLength(1);
    release(1);
    while ((await json('health'))['status'] !== 'ok') await pause(20);
    workers[0]!.answers = workers[1]!.answers = false;
    await ask('health');
    const { status, text: body } = await ask('health');
    expect([status, JSON.parse(body)]).toMatchObject([503, { status: 'failing' }]);
  });

  test('what a worker that is gone has counted stays, and is not counted twice when another takes its number', async () => {
    const { fleet, ask } = await setUp([[north(10)], [north(30)]]);
    await ask('metrics');
    const bytes = 'kwik_path_bytes_total{role="primary",server="north",direction="sent"}';
    fleet.remove(1);
    const { text } = await ask('metrics');
    expect([valueOf(text, bytes), valueOf(text, 'kwik_sessions{role="primary"}')]).toEqual([2000, 1]);
    fleet.add(1);
    const again = (await ask('metrics')).text;
    expect([valueOf(again, bytes), valueOf(again, 'kwik_sessions{role="primary"}')]).toEqual([3000, 2]);
  });

  test('gaps of failovers are observed once, those between questions too', async () => {
    const { ask } = await setUp([[north(10)]]);
    const publisher = new DiagnosticPublisher(channel);
    const fail = (gapMs: number): void =>
      publisher.publish('kwik:path:failover', () => ({
        sessionId: 'one',
        role: 'client',
        atMs: 0,
        pathId: 1,
        address: '192.0.2.1:1',
        server: 'north',
        cause: 'stalled',
        gapMs,
        reason: '',
      }));
    fail(70);
    fail(500);
    await ask('metrics');
    fail(70);
    const { text } = await ask('metrics');
    expect(valueOf(text, 'kwik_failover_gap_seconds_count')).toBe(3);
    expect(valueOf(text, 'kwik_failover_gap_seconds_bucket{le="0.1"}')).toBe(2);
  });

  test('the history of all of them is one, and of a hostile number of names a bounded one', async () => {
    const many = Array.from({ length: 100 }, (_, index) => north(10, { server: `server-${index}` }));
    const { fleet, ask } = await setUp([many, many.map((path) => ({ ...path, server: `other-${path.server}` }))]);
    await ask('metrics');
    const names = new Set([...fleet.samples().of('kwik_path_window_bytes')].map(({ labels }) => labels['server']));
    expect(names.size).toBeLessThanOrEqual(65);
  });
});
