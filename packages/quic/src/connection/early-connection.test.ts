import { beforeEach, describe, expect, test } from '@jest/globals';
import { KwikError } from '@kwik/wire';
import { FakeBackend } from '../test-support/fake-backend.js';
import { fakeHost } from '../test-support/fake-host.js';
import { Connection } from './connection.js';
import { resolveTransport } from './transport-options.js';

const ADDRESS = { address: '127.0.0.1', port: 1, family: 'IPv4' } as const;
const IMPOSTOR = new KwikError('ERR_KWIK_CERTIFICATE', 'another server');
const NEVER_JUDGED = new KwikError('ERR_KWIK_CONNECT_FAILED', 'closed before it was known');

let now: number;
let log: string[];
let backend: FakeBackend;
let connection: Connection;
let problem: KwikError | undefined;

/** A client that is used before the server has answered, with a stream that has written something. */
beforeEach(() => {
  now = 100;
  log = [];
  problem = undefined;
  backend = new FakeBackend();
  backend.isEstablished = false;
  const host = fakeHost(
    () => now,
    (what) => log.push(what),
  );
  const settings = {
    side: 'client',
    local: ADDRESS,
    remote: ADDRESS,
    id: new Uint8Array(8),
    transport: resolveTransport(),
    handshakeDeadlineMs: 5000,
    onHandshakeTimeout: () => new KwikError('ERR_KWIK_TIMEOUT'),
  } as const;
  const party = {
    awaitsPeer: false,
    serverLeaf: () => undefined,
    startsEarly: () => true,
    check: () => problem && { error: problem, tlsAlert: 42 },
    completed: () => log.push('completed'),
    opened: () => log.push('opened'),
    failed: (_: Connection, __: unknown, refusal: KwikError | undefined) => refusal ?? NEVER_JUDGED,
  };
  connection = new Connection(backend, settings, host, party, now);
  turn();
  connection.attach({
    onStream: ({ id }) => log.push(`stream ${id}`),
    onSendable: () => undefined,
    onClose: ({ by, code, reason, error }) => log.push(`close ${by} ${code} ${reason} ${error?.code}`),
  });
  const stream = connection.openStream({ unidirectional: false })!;
  stream.attach({
    onData: (chunk) => log.push(`data ${chunk.length}`),
    onEnd: () => log.push('end'),
    onReset: (code) => log.push(`reset ${code}`),
    onStopSending: (code) => log.push(`stop ${code}`),
    onWritable: () => undefined,
  });
  stream.write(new Uint8Array(10));
  turn();
  expect(log.splice(0)).toEqual(['opened']);
});

function turn(): void {
  now += 10;
  connection.deliver(now);
  connection.transmit(now);
}

/** A packet comes, after which the backend knows all that is said here. */
function hear(what: () => void): void {
  what();
  connection.receive(Uint8Array.of(0xc0), now);
  turn();
}

function peerCloses(application: boolean, code: number): void {
  backend.peerReason = { application, code, reason: 'words' };
  backend.isDraining = true;
}

describe('of a server that closes in the packets that end TLS', () => {
  test('nothing is told when it is not the one that was meant', () => {
    problem = IMPOSTOR;
    hear(() => {
      backend.isEstablished = true;
      backend.arrive(0, new Uint8Array(5), true);
      backend.stream(0).stopped = 6;
      peerCloses(true, 7);
    });
    expect(log).toEqual(['ended', 'close error 0 another server ERR_KWIK_CERTIFICATE']);
  });

  test('what it said is told when it is good', () => {
    hear(() => {
      backend.isEstablished = true;
      backend.arrive(0, new Uint8Array(5), true);
      peerCloses(true, 7);
    });
    expect(log).toEqual(['completed', 'data 5', 'end', 'ended', 'close peer 7 words undefined']);
  });
});

test('a server that is not the one that was meant stops no stream', () => {
  problem = IMPOSTOR;
  hear(() => {
    backend.isEstablished = true;
    backend.stream(0).stopped = 6;
  });
  turn();
  expect(log).toEqual(['ended', 'close error 0 another server ERR_KWIK_CERTIFICATE']);
});

test.each([
  ['an application', true, 7],
  ['QUIC', false, 2],
  ['QUIC, without blame,', false, 0],
])('of a server that was never judged no close by %s is told', (_, application, code) => {
  hear(() => peerCloses(application, code));
  expect(log).toEqual(['ended', 'close error 0 closed before it was known ERR_KWIK_CONNECT_FAILED']);
});

test('who closes itself is told that, whatever became of the handshake', () => {
  connection.close(3, 'enough');
  turn();
  turn();
  expect(log).toEqual(['ended', 'close local 3 enough undefined']);
});
