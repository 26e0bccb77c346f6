import { expect, test } from '@jest/globals';
import type { DrainMark } from '@kwik/discovery/etcd';
import { parseSource } from '@kwik/discovery/source-spec';
import { FollowedMarks } from './followed-marks.js';

const MARK: DrainMark = { atMs: 1, by: 'ops', reason: 'new disk' };

/** An etcd that a test speaks for; it could not be asked at first. */
function setUp() {
  const told: unknown[] = [];
  let say: (mark: DrainMark | undefined) => void = () => undefined;
  const marks = new FollowedMarks({
    server: { serverId: 'one', addresses: ['a:1'] },
    log: {
      announceFailed: (where) => void told.push(`${where} failed`),
      draining: (isDraining, { by }) => void told.push(`${isDraining ? 'drains' : 'serves'} for ${by}`),
    },
    onDrain: (isDraining) => void told.push(isDraining),
    open: () =>
      Promise.resolve({
        watch: (_server: string, onMark: typeof say, onFailure?: (error: unknown) => void) => {
          say = onMark;
          onFailure?.(new Error('down'));
          return Promise.resolve();
        },
        close: () => void told.push('closed'),
      }),
  });
  return { told, marks, say: (mark: DrainMark | undefined) => say(mark) };
}

test('of an etcd that could not be asked nothing is known until its mark was read, and then that the server drains', async () => {
  const { told, marks, say } = setUp();
  const etcd = parseSource('etcd:127.0.0.1:2379');
  await marks.follow(etcd, { service: 'films' });
  const unread = marks.unread(etcd);
  let read = false;
  void unread?.then(() => (read = told.includes(true)));
  await new Promise((resolve) => setImmediate(resolve));
  expect([unread, read]).toEqual([expect.any(Promise), false]);
  say(MARK);
  await unread;
  expect(read).toBe(true);
  expect(marks.unread(etcd)).toBeUndefined();
  say(undefined);
  expect(told).toEqual([expect.stringContaining('failed'), 'drains for ops', true, 'serves for ', false]);
  marks.close();
  expect(told.at(-1)).toBe('closed');
});

test('of what is no etcd there are no marks to wait for', async () => {
  const { marks, told } = setUp();
  const other = parseSource('mdns');
  await marks.follow(other, { service: 'films' });
  expect([marks.unread(other), told]).toEqual([undefined, []]);
});
