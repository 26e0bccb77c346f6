import { expect, test } from '@jest/globals';
import type { StandbyCheck } from '@kwik/session';
import { statusLines, type FleetServer } from './fleet-view.js';

function linesOf(takeover: StandbyCheck | null): string {
  const server: FleetServer = {
    ...{ server: 'one', addresses: ['one.example:4433'], capabilities: ['primary', 'takeover'], region: '', zone: '' },
    ...{ tags: [], weight: 1, priority: 0, load: 0.5, accepting: true, version: null, serverName: null, pin: null },
    ...{ signedBy: null, chosen: true, reason: 'the only one', facts: [], answersMs: 1, drain: null, takeover },
  };
  const survey = { service: 'films', at: '', servers: [server], more: 0, notes: [], sources: [] };
  return statusLines(survey, [server], []).join('\n');
}

test('a server that was asked says whether sessions could go on there, and why not', () => {
  expect(linesOf({ takes: 'yes', reason: '' })).toContain(
    '\n    sessions that are sealed by this key can go on there\n',
  );
  expect(linesOf({ takes: 'no', reason: 'no\nkey' })).toMatch(/\n {4}no session can go on there: no.*key\n/u);
  expect(linesOf({ takes: 'unknown', reason: 'silent' })).toContain('is not known: silent\n');
  expect(linesOf(null)).not.toContain('go on there');
});
