import { expect, test } from '@jest/globals';
import type { OverloadEvent } from '@kwik/session';
import { ServeLog } from './serve-log.js';

const EVENT: OverloadEvent = {
  action: 'refuseSessions',
  on: true,
  resource: 'memory',
  pressure: 0.9,
  reason: 'memory: 90 % of the budget is used',
  level: 2,
};

function log(json: boolean, tell: (log: ServeLog) => void): string[] {
  const lines: string[] = [];
  const stream = { print: (text: string) => void lines.push(text) } as never;
  tell(new ServeLog({ stdout: stream, stderr: stream }, json));
  return lines;
}

function logged(json: boolean, event: OverloadEvent): string[] {
  return log(json, (serveLog) => serveLog.overload(event));
}

test('an overload is told of in words, or as an object, with what is done about it and why', () => {
  expect(logged(false, EVENT)).toEqual(['new clients are refused: memory: 90 % of the budget is used\n']);
  expect(logged(false, { ...EVENT, on: false })[0]).toMatch(/^new clients are let in again: /u);
  expect(JSON.parse(logged(true, EVENT)[0]!)).toEqual({
    event: 'overload',
    action: 'refuseSessions',
    on: true,
    reason: 'memory: 90 % of the budget is used',
    level: 2,
  });
});

test('a client that left an answer was refused nothing, whatever failed then', () => {
  const answered = { op: 'get' as const, path: 'big.iso', bytes: 0, error: new Error('the source failed') };
  const lines = (unwanted: boolean): string[] =>
    log(false, (one) => one.answered('12345678-9', { ...answered, unwanted }, 1));
  expect(lines(true)).toEqual(['12345678  get big.iso: the client left it (the source failed)\n']);
  expect(lines(false)).toEqual(['12345678  get big.iso refused: the source failed\n']);
});

test('what a client had already is told apart from what it was sent, and a digest from content', () => {
  const answered = (bytes: number, offset?: number): string[] => {
    const what = { op: 'get' as const, path: 'big.iso', bytes, ...(offset !== undefined && { offset }) };
    return [false, true].flatMap((json) => log(json, (one) => one.answered('12345678-9', what, 5)));
  };
  expect(answered(2000)[0]).toBe('12345678  get big.iso: 2.00 kB in 0.0 s\n');
  expect(answered(2000, 6000)[0]).toBe('12345678  get big.iso: 2.00 kB after the first 6.00 kB in 0.0 s\n');
  const [line, event] = answered(0, 8000);
  expect(line).toBe('12345678  get big.iso: the digest alone, all 8.00 kB had come, in 0.0 s\n');
  expect(JSON.parse(event!)).toMatchObject({ event: 'served', bytes: 0, offset: 8000 });
  expect(log(false, (one) => one.sessionClosed('12345678-9', 'done', 9000))).toEqual([
    '12345678  closed, 9.00 kB sent: done\n',
  ]);
});
