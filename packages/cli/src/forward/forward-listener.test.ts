import { connect, type Socket } from 'node:net';
import type { Session, Stream } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { parseHostPort } from '../address.js';
import { ByteReader } from '../protocol/byte-reader.js';
import { MemoryStream } from '../test-support/memory-stream.js';
import { ForwardListener } from './forward-listener.js';

const REQUEST = { v: 1, op: 'listen', host: '127.0.0.1', port: 0, listener: 3 } as const;

const clients: Socket[] = [];
let ending: MemoryStream | undefined;

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  void ending?.close();
});

/** However it comes to that. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

type OpenStream = Session['openStreamWhenReady'];

/** A port that listens for a client whose session opens streams like this. */
async function listening(openStreamWhenReady: OpenStream, patienceMs = 60_000, maxConnections = 10) {
  let connections = 0;
  const enter = (): (() => void) => {
    connections += 1;
    return () => (connections -= 1);
  };
  const parts = { session: { openStreamWhenReady }, enter, patienceMs, maxConnections };
  const listener = await ForwardListener.open(REQUEST, parts);
  const [near, far] = MemoryStream.pair();
  ending = near;
  const served = listener.serve(far, new ByteReader(far), new AbortController().signal);
  return { listener, connections: () => connections, served, client: near };
}

function connecting({ address }: ForwardListener): Socket {
  const socket = connect(parseHostPort(address)).on('error', () => undefined);
  clients.push(socket);
  return socket;
}

/** As a client that grants no more streams. */
const never: OpenStream = ({ signal } = {}) => {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(new KwikError('ERR_KWIK_ABORTED')), { once: true });
  });
};

describe('a port that listens for a client', () => {
  test('gives up a connection for which the client grants no stream', async () => {
    const { listener, connections } = await listening(never, 50);
    const socket = connecting(listener);
    await closed(socket);
    expect(connections()).toBe(0);
  });

  test('gives up one whose stream the client does not read', async () => {
    let reset = false;
    const deaf = {
      write: (_data: unknown, { signal }: { signal?: AbortSignal } = {}) => never({ ...(signal && { signal }) }),
      reset: () => (reset = true),
      stopSending: () => undefined,
    } as unknown as Stream;
    const { listener, connections } = await listening(() => Promise.resolve(deaf), 50);
    await closed(connecting(listener));
    expect([connections(), reset]).toEqual([0, true]);
  });

  test('forgets one that leaves while it waits', async () => {
    const { listener, connections } = await listening(never);
    const socket = connecting(listener);
    await until(() => connections() === 1);
    socket.resetAndDestroy();
    await until(() => connections() === 0);
  });

  test('ends with its stream, and so do its connections', async () => {
    const { listener, connections, served, client } = await listening(never);
    const socket = connecting(listener);
    await until(() => connections() === 1);
    await client.close();
    await served;
    await closed(socket);
    await until(() => connections() === 0);
  });
});
