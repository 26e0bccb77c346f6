import { expect, test } from '@jest/globals';
import { OpenSessions } from './open-sessions.js';

test('of more sessions than the bound those beyond are counted, and an end is taken off once', () => {
  const sessions = new OpenSessions(2);
  for (const sessionId of ['a', 'b', 'c', 'd']) sessions.take({ kind: 'session-opened', role: 'primary', sessionId });
  sessions.take({ kind: 'listener-opened' });
  sessions.take({ kind: 'session-closed', role: 'primary', sessionId: 'a' });
  sessions.take({ kind: 'session-closed', role: 'primary', sessionId: 'c' });
  const { events, uncounted } = sessions.end();
  expect(events.map(({ sessionId }) => sessionId)).toEqual(['b']);
  expect(uncounted).toBe(1);
});
