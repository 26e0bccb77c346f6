import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { CONTROL_LIMITS } from '@kwik/wire';
import { seededRandom } from '../test-support/random.js';
import { makeSessionKeys, NOW_MS } from '../test-support/sessions.js';
import { MAX_TICKET_LIFE_MS, SessionTickets, type SessionTicketFields } from './session-ticket.js';

const keys = makeSessionKeys();
const random = seededRandom('tickets');
const fleetKey = (name: string): Uint8Array => seededRandom(name)(32);
const fleet = new SessionTickets([fleetKey('fleet')]);
const fields: SessionTicketFields = {
  keys,
  ticketId: random(16),
  expiresMs: NOW_MS + 60_000,
  identity: 'laptop',
  primary: 'one',
  takeovers: 3,
  grantKeys: [random(32), random(32)],
};
const ticket = fleet.seal(fields, random)!;
const invalid = expect.objectContaining({ code: 'ERR_KWIK_TOKEN_INVALID' });
const expired = expect.objectContaining({ code: 'ERR_KWIK_TOKEN_EXPIRED' });

describe('a sealed session', () => {
  test('is opened by a server of the fleet, as it was sealed', () => {
    const { keys: opened, ...rest } = new SessionTickets([fleetKey('fleet')]).open(ticket, keys.sessionId, NOW_MS);
    const { keys: _keys, ...expected } = fields;
    expect(rest).toEqual(expected);
    expect([opened.sessionId, opened.secret]).toEqual([keys.sessionId, keys.secret]);
    expect(opened.possession.publicKey).toEqual(keys.possession.publicKey);
  });

  test('without an identity has none', () => {
    const anonymous = fleet.seal({ ...fields, identity: undefined }, random)!;
    expect(fleet.open(anonymous, keys.sessionId, NOW_MS).identity).toBeUndefined();
  });

  test('is opened by nobody else', () => {
    const other = new SessionTickets([fleetKey('another fleet')]);
    expect(() => other.open(ticket, keys.sessionId, NOW_MS)).toThrow(invalid);
  });

  test('changed in any one bit, or cut anywhere, is none', () => {
    for (let at = 0; at < ticket.length; at++) {
      const forged = ticket.slice();
      forged[at]! ^= 1 << at % 8;
      expect(() => fleet.open(forged, keys.sessionId, NOW_MS)).toThrow(invalid);
      expect(() => fleet.open(ticket.subarray(0, at), keys.sessionId, NOW_MS)).toThrow(invalid);
    }
  });

  test('is longer than a ticket may be: none, and nothing is tried', () => {
    const long = new Uint8Array(CONTROL_LIMITS.ticketBytes + 1);
    long.set(ticket);
    expect(() => fleet.open(long, keys.sessionId, NOW_MS)).toThrow(invalid);
  });

  test('opens no other session', () => {
    expect(() => fleet.open(ticket, makeSessionKeys('another').sessionId, NOW_MS)).toThrow(invalid);
  });

  test('has its time, whatever it says of that', () => {
    expect(fleet.open(ticket, keys.sessionId, fields.expiresMs + 59_000).expiresMs).toBe(fields.expiresMs);
    expect(() => fleet.open(ticket, keys.sessionId, fields.expiresMs + 60_000)).toThrow(expired);
    const endless = fleet.seal({ ...fields, expiresMs: NOW_MS + 2 * MAX_TICKET_LIFE_MS }, random)!;
    expect(() => fleet.open(endless, keys.sessionId, NOW_MS)).toThrow(expired);
  });

  test('shows nothing of itself, and no two are alike', () => {
    const again = fleet.seal(fields, random)!;
    expect(Buffer.from(again).equals(ticket)).toBe(false);
    expect(Buffer.from(ticket).includes(Buffer.from(keys.secret))).toBe(false);
    expect(Buffer.from(ticket).includes('laptop')).toBe(false);
  });

  test('whose client has a name that is too long is not made, and one with the longest name fits', () => {
    const longest = 'n'.repeat(CONTROL_LIMITS.identityBytes);
    const grantKeys = Array.from({ length: 9 }, () => random(32));
    const primary = 'p'.repeat(CONTROL_LIMITS.addressBytes);
    const sealed = fleet.seal({ ...fields, identity: longest, grantKeys, primary }, random)!;
    expect(sealed.length).toBeLessThanOrEqual(CONTROL_LIMITS.ticketBytes);
    expect(fleet.open(sealed, keys.sessionId, NOW_MS).grantKeys).toEqual(grantKeys.slice(0, 4));
    expect(fleet.seal({ ...fields, identity: `${longest}n` }, random)).toBeUndefined();
    // Only for people to read: too long a name of the server costs nothing but itself.
    const nameless = fleet.seal({ ...fields, primary: `${primary}p` }, random)!;
    expect(fleet.open(nameless, keys.sessionId, NOW_MS).primary).toBe('');
  });
});

describe('the keys of a fleet', () => {
  test('are changed one after the other: the new one seals, the one before still opens', () => {
    const changed = new SessionTickets([fleetKey('new'), fleetKey('fleet')]);
    expect(changed.open(ticket, keys.sessionId, NOW_MS).identity).toBe('laptop');
    const sealed = changed.seal(fields, random)!;
    expect(new SessionTickets([fleetKey('new')]).open(sealed, keys.sessionId, NOW_MS).identity).toBe('laptop');
    expect(() => fleet.open(sealed, keys.sessionId, NOW_MS)).toThrow(invalid);
  });

  test.each([[[]], [[new Uint8Array(16)]], [Array.from({ length: 5 }, () => new Uint8Array(32))]])(
    'that are none, short or too many are refused',
    (given) => {
      const refused = expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
      expect(() => new SessionTickets(given)).toThrow(refused);
    },
  );

  test('keep out of logs', () => {
    expect(JSON.stringify(fleet)).toBe('{"keys":1}');
    expect(inspect(fleet, { depth: 9 })).not.toContain(String(fleetKey('fleet')[0]));
  });
});
