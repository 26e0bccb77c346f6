import { describe, expect, test } from '@jest/globals';
import type { KcpBody } from '@kwik/kcp';
import { toPathId } from '@kwik/wire';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { requireSender, SENDERS } from './message-senders.js';

const KINDS = Object.keys(SENDERS) as KcpBody['$case'][];
const path = (primary: boolean): Pick<PathRuntime, 'primary' | 'id' | 'address'> => ({
  primary,
  id: toPathId(primary ? 0 : 3),
  address: '192.0.2.3:4433',
});

/** What a program takes for the primary's word: no secondary may say any of it. */
const THE_PRIMARYS: readonly KcpBody['$case'][] = [
  'addPath',
  'removePath',
  'listPaths',
  'streamOpened',
  'contributionGrant',
  'contentStart',
  'contentDigests',
  'contentEnd',
];

describe('who may send a client which control message', () => {
  test.each(THE_PRIMARYS)('%s: the primary alone', (kind) => {
    expect(() => requireSender(path(true), kind)).not.toThrow();
    expect(() => requireSender(path(false), kind)).toThrow(
      expect.objectContaining({
        code: 'ERR_KWIK_PROTOCOL_VIOLATION',
        message: `only the primary sends a client ${kind}, and 192.0.2.3:4433 sent one on path 3`,
      }),
    );
  });

  test.each([
    'clientHello',
    'serverHello',
    'rangeRequest',
    'contentProgress',
    'serverUntrusted',
    'pathStatus',
  ] as const)('%s: nobody', (kind) => {
    for (const primary of [true, false]) {
      expect(() => requireSender(path(primary), kind)).toThrow(
        expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' }),
      );
    }
  });

  test('what a secondary may send speaks for itself alone', () => {
    const own = KINDS.filter((kind) => SENDERS[kind] === 'server');
    for (const kind of own) expect(() => requireSender(path(false), kind)).not.toThrow();
    expect(own.filter((kind) => !/Result$|List$|^pathDead$|^pong$/u.test(kind)).sort()).toEqual([
      'capacityReport',
      'close',
      'error',
      'healthReport',
      'keyUpdate',
      'ping',
      'rangeRefused',
      'rawPacket',
      'serverAnnouncement',
    ]);
  });
});
