/** Both ends of many short connections, over `node:net` or KWIK. */
import { once } from 'node:events';
import nodeNet from 'node:net';
import kwikNet from '@kwik/socket';
import { answerParent } from '../../harness/child.js';
import { median } from '../../harness/stats.js';
import type { Credentials } from '../../harness/certificates.js';

type Contender = 'kwik' | 'tcp';

interface ConnectTask {
  readonly contender: Contender;
  readonly port: number;
  readonly caPem: string;
}

/** Connections that are under way at once. */
const AT_ONCE = 32;

export const calls = answerParent({
  /** Echoes. */
  async serve({
    contender,
    credentials,
  }: {
    contender: Contender;
    credentials: Credentials;
  }): Promise<{ port: number }> {
    const kwik = { cert: credentials.certPem, key: credentials.keyPem };
    const server =
      contender === 'kwik'
        ? kwikNet.createServer({ kwik }, (socket) => socket.on('error', () => undefined).pipe(socket))
        : nodeNet.createServer((socket) => socket.on('error', () => undefined).pipe(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: (server.address() as nodeNet.AddressInfo).port };
  },

  /** So many connections, each for one byte there and back. Resolves with how many a second. */
  async many({ count, ...task }: ConnectTask & { count: number }): Promise<{ perSecond: number }> {
    const keep = await connected(task);
    const startMs = performance.now();
    let begun = 0;
    const work = async (): Promise<void> => {
      while (begun++ < count) {
        const socket = await connected(task);
        await echo(socket);
        socket.destroy();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const perSecond = count / ((performance.now() - startMs) / 1000);
    keep.destroy();
    return { perSecond };
  },

  /** How long a connect takes, milliseconds: the first one, and in the median those that find a session. */
  async times({ count, ...task }: ConnectTask & { count: number }): Promise<{ firstMs: number; laterMs: number }> {
    const [firstMs, first] = await timed(task);
    const later: number[] = [];
    for (let turn = 0; turn < count; turn += 1) {
      const [ms, socket] = await timed(task);
      later.push(ms);
      socket.destroy();
    }
    first.destroy();
    return { firstMs, laterMs: median(later) };
  },
});

async function timed(task: ConnectTask): Promise<[ms: number, socket: nodeNet.Socket]> {
  const startMs = performance.now();
  const socket = await connected(task);
  return [performance.now() - startMs, socket];
}

async function connected({ contender, port, caPem }: ConnectTask): Promise<nodeNet.Socket> {
  const options = { port, host: '127.0.0.1' };
  const socket =
    contender === 'kwik'
      ? (kwikNet.connect({ ...options, kwik: { ca: caPem } }) as unknown as nodeNet.Socket)
      : nodeNet.connect(options);
  await once(socket, 'connect');
  return socket;
}

async function echo(socket: nodeNet.Socket): Promise<void> {
  socket.write('x');
  await once(socket, 'data');
}
