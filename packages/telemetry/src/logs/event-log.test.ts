import { channel } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from '@jest/globals';
import { DiagnosticPublisher } from '@kwik/wire';
import { EventLog } from './event-log.js';
import type { LogLevel, LogLine } from './log-line.js';
import { jsonLines, pinoSink } from './sinks.js';

const publisher = new DiagnosticPublisher(channel);
const logs: EventLog[] = [];
afterEach(() => {
  for (const log of logs.splice(0)) log[Symbol.dispose]();
});

function setUp(level?: LogLevel) {
  const lines: LogLine[] = [];
  const time = { now: 0 };
  const sink = (line: LogLine): void => void lines.push(line);
  logs.push(new EventLog({ sink, now: () => time.now, ...(level !== undefined && { level }) }));
  return { lines, time };
}

const PATH = { sessionId: 'one', role: 'client', atMs: 0, pathId: 2, address: '192.0.2.1:1', server: 'north' } as const;

describe('EventLog', () => {
  it('says with figures and the reason what happened to a path, and to which', () => {
    const { lines } = setUp();
    const failover = { ...PATH, cause: 'stalled', gapMs: 61.26, reason: 'its flow has stopped' } as const;
    publisher.publish('kwik:path:failover', () => failover);
    expect(lines).toEqual([
      {
        level: 'warn',
        event: 'path-failover',
        message:
          'path 2 to 192.0.2.1:1 stopped delivering (stalled); others could take over after 61.3 ms: its flow has stopped',
        session: 'one',
        path: 2,
        server: 'north',
        fields: { cause: 'stalled', gapMs: 61.3, address: '192.0.2.1:1' },
      },
    ]);
  });

  it('has the lines of V2.5, V3.4, V5.4 and V8.4', () => {
    const { lines } = setUp();
    const reason = 'load 0.97 is above 0.8';
    publisher.publish('kwik:discovery:server', () => ({ server: 'a', source: 'dns', change: 'not-chosen', reason }));
    const step = { server: 'b', reason: 'it refused', figures: { attempt: 2 } } as const;
    publisher.publish('kwik:scaling:step', () => ({ ...step, step: 'add', result: 'retried' }));
    publisher.publish('kwik:scaling:step', () => ({ ...step, step: 'degrade', result: 'done' }));
    expect(lines.map(({ level, event, message }) => [level, event, message])).toEqual([
      ['warn', 'server-not-chosen', `server a not chosen: ${reason}`],
      ['warn', 'scaling-add', 'scaling: add b: retried: it refused'],
      ['warn', 'scaling-degrade', 'scaling: degrade b: done: it refused'],
    ]);
    expect(lines[1]!.fields).toEqual({ result: 'retried', attempt: 2 });
  });

  it('says who decided a step, of which session, and what was measured against which bound', () => {
    const { lines } = setUp();
    publisher.publish('kwik:scaling:step', () => ({
      ...{ step: 'degrade', result: 'done', server: '', reason: '1 of 2 paths carries data', figures: { rank: 2 } },
      ...{ decider: 'service', of: 'session', session: 's1', count: 1 },
      bound: { name: 'paths that carry data', limit: 2, value: 1 },
    }));
    const { message, session, fields } = lines[0]!;
    expect([message, session]).toEqual(['service: degrade: done: 1 of 2 paths carries data', 's1']);
    const bound = { bound: 'paths that carry data', limit: 2, value: 1 };
    expect(fields).toEqual({ result: 'done', decider: 'service', ...bound, rank: 2 });
  });

  it('says what became of servers, of one or of many, and of mere loads to developers alone', () => {
    const { lines } = setUp('info');
    const of = { server: 'a', source: 'films', reason: 'etcd names it no more' } as const;
    publisher.publish('kwik:discovery:server', () => ({ ...of, change: 'lost' }));
    publisher.publish('kwik:discovery:server', () => ({ ...of, change: 'changed', reason: 'load 0.50' }));
    publisher.publish('kwik:discovery:server', () => ({ ...of, server: '', change: 'lost', reason: '', count: 99 }));
    expect(lines).toEqual([
      {
        level: 'warn',
        event: 'server-lost',
        message: 'server a lost: etcd names it no more',
        server: 'a',
        fields: { source: 'films' },
      },
      {
        level: 'warn',
        event: 'servers-lost',
        message: "99 more servers of 'films' lost",
        fields: { source: 'films', count: 99 },
      },
    ]);
  });

  it('leaves out what is below its level, and what is no news', () => {
    const { lines } = setUp('warn');
    publisher.publish('kwik:session:opened', () => ({ sessionId: 'one', role: 'client', atMs: 0 }));
    const handshake = { side: 'client', address: 'a', purpose: 'open', message: '', durationMs: 1 } as const;
    publisher.publish('kwik:handshake:finished', () => ({ ...handshake, result: 'ok' }));
    expect(lines).toEqual([]);
    publisher.publish('kwik:handshake:finished', () => ({ ...handshake, result: 'ERR_KWIK_TIMEOUT' }));
    expect(lines.map(({ event }) => event)).toEqual(['handshake-failed']);
  });

  it('lets no kind of line drown the others, and says how many it left out', () => {
    const { lines, time } = setUp();
    const violation = { ...PATH, code: 'ERR_KWIK_INVALID_FRAME', message: 'no' } as const;
    for (let count = 0; count < 1000; count++) publisher.publish('kwik:peer:violation', () => violation);
    expect(lines.length).toBeLessThanOrEqual(20);
    publisher.publish('kwik:session:opened', () => ({ sessionId: 'one', role: 'client', atMs: 0 }));
    expect(lines.at(-1)!.event).toBe('session-opened');
    time.now = 1000;
    publisher.publish('kwik:peer:violation', () => violation);
    expect(lines.at(-1)!.fields!['suppressed']).toBe(980);
  });

  it('goes on when its sink throws, and is silent when it is disposed of', () => {
    let calls = 0;
    const log = new EventLog({
      sink: () => {
        calls += 1;
        throw new Error('disk full');
      },
    });
    const opened = (): void =>
      publisher.publish('kwik:session:opened', () => ({ sessionId: 'one', role: 'client', atMs: 0 }));
    opened();
    log[Symbol.dispose]();
    opened();
    expect(calls).toBe(1);
  });
});

describe('sinks', () => {
  const LINE: LogLine = {
    level: 'warn',
    event: 'path-refused',
    message: 'first\n{"forged":true}',
    fields: { level: 'debug', address: 'a' },
  };

  it('one line of JSON each, whatever a peer puts into it', () => {
    const written: string[] = [];
    jsonLines(
      (text) => written.push(text),
      () => 0,
    )(LINE);
    expect(written).toHaveLength(1);
    expect(written[0]!.split('\n')).toHaveLength(2);
    expect(JSON.parse(written[0]!)).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      level: 'warn',
      event: 'path-refused',
      message: 'first\n{"forged":true}',
      address: 'a',
    });
  });

  it('calls the method of its level of a logger such as pino', () => {
    const calls: unknown[] = [];
    const method = (name: string) => (fields: object, message: string) => calls.push([name, fields, message]);
    pinoSink({ debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error') })(LINE);
    expect(calls).toEqual([['warn', { event: 'path-refused', address: 'a' }, LINE.message]]);
  });
});
