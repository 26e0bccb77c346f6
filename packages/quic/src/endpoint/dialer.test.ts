import { expect, test } from '@jest/globals';
import type { Connection } from '../connection/connection.js';
import { resolveTransport } from '../connection/transport-options.js';
import { ParsedCertificates } from '../tls/parsed-certificates.js';
import { DialPlan } from './dialer.js';

const REMOTE = { address: '192.0.2.1', port: 443, family: 'IPv4' } as const;

/** How a dial is said to have failed whose peer has closed the connection before it was judged. */
function explained(application: boolean, code: number): unknown {
  const options = { host: 'server.example', port: 443, trust: { pins: ['0'.repeat(64)] } };
  const plan = new DialPlan(options, resolveTransport(), new ParsedCertificates());
  const backend = { localError: () => undefined, peerError: () => ({ application, code, reason: 'please retry' }) };
  const connection = { backend, remote: REMOTE } as unknown as Connection;
  const settle = { opened: () => undefined, confirmed: () => undefined, failed: () => undefined };
  const party = plan.party(settle, { ticket: undefined, early: false, keep: undefined });
  return party.failed(connection, { by: 'peer', code, reason: 'please retry' }, undefined);
}

test('a code of an application is none of QUIC, and nothing it says is passed on', () => {
  expect(explained(false, 2)).toMatchObject({ code: 'ERR_KWIK_CONNECTION_REFUSED' });
  const error = explained(true, 2);
  expect(error).toMatchObject({ code: 'ERR_KWIK_CONNECT_FAILED' });
  expect(String(error)).not.toContain('please retry');
});
