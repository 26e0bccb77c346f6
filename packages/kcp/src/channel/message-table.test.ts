import { describe, expect, test } from '@jest/globals';
import { proto } from '@kwik/wire';
import type { KcpBody } from './kcp-body.js';
import { answers, CONTROL_MESSAGES, defaultPriority, isRequest, maySend } from './message-table.js';

type Kind = KcpBody['$case'];
const KINDS = Object.keys(CONTROL_MESSAGES) as Kind[];
const fromWhom = (kind: Kind): string =>
  ['client', 'primary', 'secondary'].filter((who) => maySend(who as 'client', kind)).join(' ');

describe('who may send which control message', () => {
  /** What a program takes for the primary's word: no secondary may say any of it. */
  test.each(['addPath', 'removePath', 'listPaths', 'contributionGrant', 'contentStart', 'contentDigests'] as const)(
    '%s: the primary alone',
    (kind) => expect(fromWhom(kind)).toBe('primary'),
  );

  test.each(['clientHello', 'serverHello', 'authChallenge', 'authResponse'] as const)(
    '%s: nobody, once a path is established',
    (kind) => expect(fromWhom(kind)).toBe(''),
  );

  test('what a secondary may send speaks for itself alone', () => {
    const own = KINDS.filter((kind) => maySend('secondary', kind)).sort();
    expect(own).toEqual([
      'capacityReport',
      'close',
      'error',
      'healthReport',
      'keyUpdate',
      'ping',
      'pong',
      'rangeRefused',
      'rawPacket',
      'relayNotice',
      'relayOpened',
      'serverAnnouncement',
    ]);
  });

  test('who answers a request may send what answers it', () => {
    const after = KINDS.filter((kind) => fromWhom(kind) !== '');
    for (const request of after.filter(isRequest)) {
      for (const answer of after.filter((kind) => kind !== 'error' && kind !== 'pathDead' && answers(request, kind))) {
        const asker = fromWhom(request);
        const other = asker.includes('client') ? fromWhom(answer).includes('primary') : fromWhom(answer) === 'client';
        expect([request, answer, other]).toEqual([request, answer, true]);
      }
    }
  });
});

test('requests and their answers', () => {
  expect(
    KINDS.filter(isRequest)
      .filter((kind) => fromWhom(kind) !== '')
      .sort(),
  ).toEqual([
    'addPath',
    'contributionGrant',
    'listPaths',
    'ping',
    'rawPacket',
    'relayOpen',
    'removePath',
    'scaleRequest',
    'serverQuery',
  ]);
  expect(answers('ping', 'pong')).toBe(true);
  expect(answers('ping', 'error')).toBe(true);
  expect(answers('ping', 'pathList')).toBe(false);
});

test('few kinds leave the normal priority: order is kept within one only', () => {
  const urgent = KINDS.filter((kind) => defaultPriority(kind) === proto.Priority.CRITICAL);
  const idle = KINDS.filter((kind) => defaultPriority(kind) === proto.Priority.BACKGROUND);
  expect(urgent).toEqual(['ping', 'pong']);
  expect(idle).toEqual(['healthReport', 'serverAnnouncement', 'capacityReport']);
});
