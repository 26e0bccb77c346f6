import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { makeAuthority, type TestAuthority } from '../test-support/certificates.js';
import { resolveTrust } from './certificate-check.js';
import { ParsedCertificates } from './parsed-certificates.js';
import { SessionTickets, type TicketScope } from './session-tickets.js';
import type { TrustOptions } from './trust-options.js';

const HOUR_MS = 3_600_000;
const parsed = new ParsedCertificates();
const session = new Uint8Array(800);

let authority: TestAuthority;
let chain: Uint8Array[];

beforeAll(async () => {
  authority = await makeAuthority();
  chain = [der((await authority.issue()).certPem)];
});

function der(pem: string): Uint8Array {
  return new Uint8Array(new X509Certificate(pem).raw);
}

function scope(more: Partial<TicketScope> = {}, trust: TrustOptions = { ca: authority.certPem }): TicketScope {
  const name = 'localhost';
  const judged = resolveTrust(trust, name, parsed);
  return { address: '127.0.0.1', port: 1, serverName: name, alpn: ['kwik/1'], trust: judged, ...more };
}

describe('tickets of servers', () => {
  test('are used once, and by dials to the same address with the same trust alone', async () => {
    const tickets = new SessionTickets();
    const now = Date.now();
    tickets.keep(scope(), session, chain, now);
    const other = await makeAuthority();
    for (const strange of [
      scope({ port: 2 }),
      scope({ address: '127.0.0.2' }),
      scope({ serverName: undefined }),
      scope({ alpn: ['h3'] }),
      scope({}, { ca: other.certPem }),
      scope({}, { ca: authority.certPem, requiredPin: 'ab'.repeat(32) }),
      scope({}, { pins: ['ab'.repeat(32)] }),
    ]) {
      expect(tickets.take(strange, now)).toBeUndefined();
    }
    expect(tickets.take(scope(), now)).toMatchObject({ session, chain });
    expect(tickets.take(scope(), now)).toBeUndefined();
    expect([tickets.size, tickets.bytes]).toEqual([0, 0]);
  });

  test('end after an hour, and with the chain that was verified', async () => {
    const tickets = new SessionTickets();
    const now = Date.now();
    tickets.keep(scope(), session, chain, now);
    expect(tickets.take(scope(), now + HOUR_MS)).toBeUndefined();
    const notAfter = new Date(Math.ceil(now / 1000) * 1000 + 60_000);
    const short = [der((await authority.issue({ notAfter })).certPem)];
    for (const [afterMs, known] of [
      [59_000, true],
      [0, false],
    ] as const) {
      tickets.keep(scope(), session, short, now);
      const atMs = afterMs === 0 ? notAfter.getTime() : now + afterMs;
      expect(tickets.take(scope(), atMs) !== undefined).toBe(known);
    }
  });

  test('are not kept where nobody can say when the chain ends, and are where a pinned key has no end', async () => {
    const tickets = new SessionTickets();
    const stranger = [der((await (await makeAuthority('B')).issue()).certPem)];
    tickets.keep(scope(), session, stranger, Date.now());
    expect(tickets.size).toBe(0);
    tickets.keep(scope({}, { pins: ['ab'.repeat(32)] }), session, stranger, Date.now());
    expect(tickets.size).toBe(1);
  });

  test('are bounded in number and bytes, the oldest go first, and all go when they are to', () => {
    const tickets = new SessionTickets();
    const now = Date.now();
    for (let port = 1; port <= 300; port++) tickets.keep(scope({ port }), session, chain, now);
    expect(tickets.size).toBe(256);
    expect(tickets.take(scope({ port: 44 }), now)).toBeUndefined();
    expect(tickets.take(scope({ port: 45 }), now)).toBeDefined();
    for (let port = 1; port <= 300; port++) tickets.keep(scope({ port }), new Uint8Array(60_000), chain, now);
    expect(tickets.bytes).toBeLessThanOrEqual(4 * 1024 * 1024);
    tickets.keep(scope({ port: 301 }), new Uint8Array(70_000), chain, now);
    expect(tickets.take(scope({ port: 301 }), now)).toBeUndefined();
    tickets.clear();
    expect([tickets.size, tickets.bytes]).toEqual([0, 0]);
  });
});
