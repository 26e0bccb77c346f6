/** Both ends of connections that are made for one question each. */
import { once } from 'node:events';
import { dial, listen, type ServerSession, type Stream } from '@kwik/session';
import net from '@kwik/socket';
import type { Credentials } from '../../harness/certificates.js';
import { answerParent } from '../../harness/child.js';

/** `echo`: there and back in a session that is open: one round trip. `connect`: of a socket, without a question. */
export type FirstByteKind = SessionKind | 'connect' | 'socket' | 'fast-open';
/** `repeatable`: as early as may be, to a server that was dialled before. */
type SessionKind = 'echo' | 'dial' | 'early' | 'repeatable';

interface FirstByteTask {
  readonly kind: FirstByteKind;
  /** Ports: of the server of sessions, and that of sockets. */
  readonly sessions: number;
  readonly sockets: number;
  readonly caPem: string;
  readonly count: number;
}

const HOST = '127.0.0.1';
const QUESTION = 'question';
/** No two connects have the same settings, so that none finds the session of another. */
const RECOVERY_MS: Readonly<Record<'connect' | 'socket' | 'fast-open', number>> = {
  connect: 10_000,
  socket: 11_000,
  'fast-open': 12_000,
};

export const calls = answerParent({
  /** Both servers echo. */
  async serve({ certPem: cert, keyPem: key }: Credentials): Promise<{ sessions: number; sockets: number }> {
    const listener = await listen({ host: HOST, credentials: { cert, key }, earlyData: true });
    void (async () => {
      for await (const session of listener) void echoAll(session).catch(() => undefined);
    })();
    const server = net.createServer({ kwik: { cert, key } }, (socket) =>
      socket.on('error', () => undefined).pipe(socket),
    );
    server.listen(0, HOST);
    await once(server, 'listening');
    return { sessions: listener.address().port, sockets: server.address()!.port };
  },

  /** Milliseconds to the first byte of the answer, `count` times; what is compiled or loaded was so before. */
  async firstBytes({ count, ...task }: FirstByteTask): Promise<number[]> {
    const times: number[] = [];
    for (let turn = -1; turn < count; turn += 1) {
      const ms = await firstByte(task, turn);
      if (turn >= 0) times.push(ms);
    }
    return times;
  },
});

async function echoAll(session: ServerSession): Promise<void> {
  for (;;) {
    const stream = await session.acceptStream();
    void (async () => {
      for await (const chunk of stream) await stream.write(chunk);
      await stream.close();
    })().catch(() => undefined);
  }
}

function firstByte({ kind, sessions, sockets, caPem }: Omit<FirstByteTask, 'count'>, turn: number): Promise<number> {
  switch (kind) {
    case 'echo':
    case 'dial':
    case 'early':
    case 'repeatable':
      return ofSession(kind, sessions, caPem);
    case 'connect':
    case 'socket':
    case 'fast-open':
      return ofSocket(kind, sockets, caPem, turn);
  }
}

async function ofSession(kind: SessionKind, port: number, ca: string): Promise<number> {
  const beganMs = performance.now();
  const repeatable = kind === 'repeatable';
  const early = kind === 'early' || repeatable ? { early: { data: QUESTION, repeatable } } : {};
  const session = await dial({ host: HOST, port }, { trust: { ca }, ...early });
  try {
    const stream = session.early ?? session.openStream();
    if (session.early === undefined) void stream.write(QUESTION);
    await expectAnswer(stream);
    const ms = performance.now() - beganMs;
    if (kind !== 'echo') return ms;
    const askedMs = performance.now();
    void stream.write(QUESTION);
    await expectAnswer(stream);
    return performance.now() - askedMs;
  } finally {
    await session.close(0, '', { timeoutMs: 0 });
  }
}

async function expectAnswer(stream: Stream): Promise<void> {
  check(await stream.read());
}

async function ofSocket(
  kind: 'connect' | 'socket' | 'fast-open',
  port: number,
  ca: string,
  turn: number,
): Promise<number> {
  const kwik = { ca, fastOpen: kind === 'fast-open', recoveryMs: RECOVERY_MS[kind] + turn };
  const beganMs = performance.now();
  const socket = net.connect({ host: HOST, port, kwik });
  try {
    if (kind === 'connect') {
      await once(socket, 'connect');
      return performance.now() - beganMs;
    }
    socket.write(QUESTION);
    check(((await once(socket, 'data')) as [Buffer])[0]);
    return performance.now() - beganMs;
  } finally {
    socket.destroy();
  }
}

function check(answer: Uint8Array | null): void {
  if (Buffer.from(answer ?? []).toString() !== QUESTION) throw new Error('other bytes came back');
}
