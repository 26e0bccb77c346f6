import { listen, type Listener, type ServerSession, type Stream } from '@kwik/session';

/** A server that answers the requests of sockets by hand. */
export interface RawServer {
  readonly port: number;
  readonly sessions: readonly ServerSession[];
  readonly streams: readonly Stream[];
  close(): Promise<void>;
}

/** `answer` gets each stream, and the number of its session, from 0. */
export async function rawServer(answer: (stream: Stream, session: number) => unknown): Promise<RawServer> {
  const listener: Listener = await listen({ host: '127.0.0.1', port: 0 });
  const sessions: ServerSession[] = [];
  const streams: Stream[] = [];
  const serve = async (session: ServerSession): Promise<void> => {
    const number = sessions.push(session) - 1;
    for (;;) {
      const stream = await session.acceptStream();
      streams.push(stream);
      answer(stream, number);
    }
  };
  void (async () => {
    for await (const session of listener) void serve(session).catch(() => undefined);
  })();
  return { port: listener.address().port, sessions, streams, close: () => listener.close({ force: true }) };
}

/** The connection is taken. */
export const TAKEN = Uint8Array.of(1);
