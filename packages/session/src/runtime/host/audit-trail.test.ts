import { expect, test } from '@jest/globals';
import type { AuditEvent } from '@kwik/wire';
import { AuditTrail } from './audit-trail.js';
import { UserCallbacks } from './user-callbacks.js';

test('refusals by strangers do not fill the disk: 500 at once, one each second, and the number of the rest', () => {
  const events: AuditEvent[] = [];
  let nowMs = 0;
  const sink = { fault: undefined, record: (event: AuditEvent) => void events.push(event) };
  const trail = new AuditTrail(sink, new UserCallbacks(), () => nowMs);
  for (let count = 0; count < 2000; count++) trail.refused({ code: 'ERR_KWIK_AUTH_FAILED' });
  expect(events).toHaveLength(500);
  nowMs = 1000;
  for (let count = 0; count < 2; count++) trail.refused({ code: 'ERR_KWIK_AUTH_FAILED' });
  expect(events.slice(500)).toEqual([{ kind: 'refused', code: 'ERR_KWIK_AUTH_FAILED', facts: { unwritten: 1500 } }]);
});

test('who is refused again and again keeps no violation out of the log; violations fill no disk, either', () => {
  const events: AuditEvent[] = [];
  let nowMs = 0;
  const sink = { fault: undefined, record: (event: AuditEvent) => void events.push(event) };
  const trail = new AuditTrail(sink, new UserCallbacks(), () => nowMs);
  for (let count = 0; count < 2000; count++) trail.refused({ code: 'ERR_KWIK_AUTH_FAILED' });
  for (let count = 0; count < 600; count++) trail.violation({ code: 'ERR_KWIK_TOKEN_FORGED' });
  expect(events.filter(({ kind }) => kind === 'violation')).toHaveLength(500);
  nowMs = 1000;
  trail.violation({ code: 'ERR_KWIK_TOKEN_FORGED', facts: { path: 1 } });
  expect(events.at(-1)).toEqual({
    kind: 'violation',
    code: 'ERR_KWIK_TOKEN_FORGED',
    facts: { path: 1, unwritten: 100 },
  });
});
