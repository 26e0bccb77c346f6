import { X509Certificate } from 'node:crypto';
import { NOW_MS } from '../../../packages/kcp/src/test-support/sessions.js';
import { CONNECTION_ID_BYTES } from '../../../packages/quic/src/packets/connection-id.js';
import { Demultiplexer, initialKey } from '../../../packages/quic/src/routing/demultiplexer.js';
import { parseLongHeader, splitPackets } from '../../../packages/quic/src/packets/packet-header.js';
import { RetryTokens } from '../../../packages/quic/src/routing/retry-token.js';
import { StatelessReset } from '../../../packages/quic/src/routing/stateless-reset.js';
import {
  certificateProblem,
  readCertificates,
  refusedByTls,
} from '../../../packages/quic/src/tls/certificate-check.js';
import { ParsedCertificates } from '../../../packages/quic/src/tls/parsed-certificates.js';
import { fixtures } from '../fixtures.js';
import { joinBlocks, splitBlocks } from '../protobuf-tree.js';
import { rule, type FuzzTarget } from '../target.js';
import { outcome } from './kcp.js';

const ADDRESS = { address: '127.0.0.1', port: 4433 };
const ID = new Uint8Array(CONNECTION_ID_BYTES).fill(9);
const WALL_MS = 1_000_000;

/** A datagram from anywhere: headers, whose it is, what its token says, what answers it. */
const datagram: FuzzTarget = {
  name: 'datagram',
  shape: 'bytes',
  seeds: () => {
    const token = tokens().issue({ ...ADDRESS, retryId: ID }, new Uint8Array(8).fill(3), WALL_MS);
    return [
      longPacket(0xc0, ID, token, 200),
      longPacket(0xc0, new Uint8Array(8), new Uint8Array(0), 1_100),
      Buffer.concat([longPacket(0xe0, ID, token, 50), Buffer.from([0x41]), ID, Buffer.alloc(40)]),
      Buffer.concat([Buffer.from([0x41]), ID, Buffer.alloc(40, 7)]),
      Buffer.concat([Buffer.from([0xc0, 0x0a, 0x0a, 0x0a, 0x0a, 40]), Buffer.alloc(80)]),
    ].map((one) => new Uint8Array(one));
  },
  run(input) {
    const connections = new Demultiplexer<string>(() => ID);
    connections.add(ID, 'known');
    const header = parseLongHeader(input);
    const packets = splitPackets(input);
    const bytes = packets.reduce((sum, one) => sum + one.length, 0);
    rule(
      bytes <= input.length && packets.every(({ buffer }) => buffer === input.buffer),
      'packets beyond their datagram',
    );
    rule(
      packets.every(({ length }) => length > 0),
      'a packet of nothing',
    );
    if (header === undefined) return `${packets.length} packets, ${connections.find(input, 1) ?? 'unknown'}`;
    rule(header.token.length + header.destinationId.length <= input.length, 'a header beyond its datagram');
    const owner =
      connections.find(header.destinationId, 0) ?? connections.findInitial(initialKey(header.destinationId, 'a', 1));
    const verdict = tokens().verify(header.token, { ...ADDRESS, retryId: header.destinationId }, WALL_MS);
    new StatelessReset(ID, (length) => new Uint8Array(length)).packetFor(ID, input.length);
    return `${header.type} ${header.version === 1}, ${packets.length} packets, ${owner ?? 'unknown'}, ${verdict.kind}`;
  },
};

/** What a server shows in the TLS handshake, as the client looks at it. */
const serverCertificate: FuzzTarget = {
  name: 'server-certificate',
  shape: 'blocks',
  seeds: () => {
    const { leaf, ca, rsa, strange } = fixtures();
    return [[leaf, ca], [rsa], [strange, ca]].map(joinBlocks);
  },
  run(input) {
    const chain = splitBlocks(input);
    const { caPem, ca } = fixtures();
    const known = [new X509Certificate(ca)];
    const authorities = (): X509Certificate[] => known;
    const problems = [
      { caPem: Buffer.from(caPem), authorities, pins: [], requiredPin: undefined, name: 'second.example' },
      { caPem: Buffer.from(caPem), authorities, pins: [], requiredPin: undefined, name: '127.0.0.1' },
      {
        caPem: undefined,
        authorities: () => [],
        pins: ['0'.repeat(64)],
        requiredPin: undefined,
        name: 'second.example',
      },
    ]
      .map((trust) => ({ ...trust, parsed: new ParsedCertificates() }))
      .map((trust) => [
        certificateProblem(chain, trust, false, NOW_MS),
        refusedByTls(chain, trust, 48, 'an alert', NOW_MS),
        refusedByTls(chain, trust, 42, 'an alert', NOW_MS),
      ]);
    const text = Buffer.from(input).toString('latin1');
    return `${problems.flat().map(short).join(', ')}; ${outcome(() => readCertificates(text, 'the text'))}`;
  },
};

export const QUIC_TARGETS = [datagram, serverCertificate];

function short(problem: string | undefined): string {
  return problem?.slice(0, 15) ?? 'none';
}

function tokens(): RetryTokens {
  return new RetryTokens(new Uint8Array(32).fill(1), 10_000);
}

function longPacket(first: number, id: Uint8Array, token: Uint8Array, payload: number): Buffer {
  const initial = (first & 0x30) === 0;
  return Buffer.concat([
    Buffer.from([first, 0, 0, 0, 1, id.length, ...id, 4, 1, 2, 3, 4]),
    initial ? Buffer.from([0x40 | (token.length >> 8), token.length & 0xff, ...token]) : Buffer.alloc(0),
    Buffer.from([0x40 | (payload >> 8), payload & 0xff]),
    Buffer.alloc(payload, 0x5a),
  ]);
}
