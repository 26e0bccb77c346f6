import type { Gap } from './evidence.js';

/** The engine that the list is about. */
export const ENGINE = { name: '@matrixai/quic', version: '2.0.9' } as const;

/** What is known of the engine, `@matrixai/quic` 2.0.9 with quiche 0.18, and what of it the driver bounds (SECURITY.md). */
export const ENGINE_GAPS: readonly Gap[] = [
  {
    id: 'CVE-2024-1765',
    problem:
      'CRYPTO frames after the handshake, and pieces of streams behind a gap, make quiche keep memory without a bound',
    bound:
      'Bounded from outside: 256 kB of CRYPTO data in the life of a connection and 16 bytes a second, 16,384 small pieces; ' +
      'beyond that it is closed with PROTOCOL_VIOLATION. A connection can hold about 0.3 MB with the former and 2.5 MB with ' +
      'the latter until then.',
  },
  {
    id: 'CVE-2024-1410',
    problem: 'NEW_CONNECTION_ID frames that retire earlier ids make quiche queue answers without a bound',
    bound:
      'Bounded from outside: 256 such frames in the life of a connection, and one in 64 seconds, then it is closed with ' +
      'PROTOCOL_VIOLATION.',
  },
  {
    id: 'CVE-2023-6193',
    problem: 'PATH_CHALLENGE frames make quiche queue answers without a bound',
    bound: 'Bounded from outside: 1,024 frames and one in 16 seconds, then the connection is closed.',
  },
  {
    id: 'CVE-2025-4820',
    problem:
      'optimistic acknowledgements: a peer that acknowledges what it has not received makes quiche send faster than the path carries',
    bound:
      'NOT detected: no packet number is skipped, which alone would show it. Bounded in effect only: the peer must have ' +
      'completed a handshake and authenticated, so the flood goes to its own address, and it is made of what the ' +
      'application has for that peer (limits.bytes of an access rule ends it).',
  },
  {
    id: 'CVE-2025-4821',
    problem:
      'acknowledgements of packets that were never sent are not refused, and grow the congestion window likewise',
    bound: 'NOT detected. Bounded in effect only, as CVE-2025-4820.',
  },
  {
    id: 'CVE-2025-7054',
    problem: 'retired connection ids may lead quiche into an endless loop (published for 0.15 up to 0.24.4)',
    bound:
      'NOT ruled out: 3,000 clients that announced and retired ids in random orders did not reach it. A process that ' +
      'hangs is for whoever watches it to find and start again.',
  },
  {
    id: 'no key update',
    problem: 'quiche 0.18 never begins a key update, and RFC 9001 (6.6) allows AES-GCM 2^23 packets under one key',
    bound:
      'A session gives its paths new connections, with new keys, at half of that; a path that cannot get one is closed ' +
      'before the last of them. A connection of @kwik/quic alone has one key for its life.',
  },
];

export const OTHER_GAPS: readonly string[] = [
  'Nobody outside the project has audited it.',
  'Revocation and name constraints of certificates are not looked at.',
  'Who holds a bearer token can use it until it expires.',
  'An audit log shows what its writer wrote. Against somebody who holds the signing key as well, only checkpoints that were kept elsewhere help.',
];
