/**
 * A server to attack: it echoes what it reads, and answers `film` with a multi-source stream. `AUTH=psk` asks for the
 * key, and with `RELAY=HOST:PORT` it forwards there for its clients. It tells its port, and on a message its counters.
 */
import { listen, pskServerAuth, type ListenOptions, type ServerSession, type Stream } from '@kwik/session';
import { FILM, PSK } from './shared.js';

/** `host:port`, the only place that it forwards to. */
const anchor = process.env['RELAY'];
const options: ListenOptions = {
  replica: (key) => (key === 'film' ? FILM : undefined),
  onRefused: () => undefined,
  ...(anchor !== undefined && { relay: { anchors: [anchor], forClients: true } }),
  ...(process.env['AUTH'] === 'psk' && { auth: [pskServerAuth({ keys: new Map([['laptop', PSK]]) })] }),
};
const listener = await listen(options);
process.on('message', () => {
  const { stats } = listener;
  process.send?.({
    stats: JSON.stringify(stats.call(listener), (_, value: unknown) =>
      typeof value === 'bigint' ? Number(value) : value,
    ),
  });
});
process.send?.({ port: listener.address().port });
for await (const session of listener) void serve(session).catch(() => undefined);

async function serve(session: ServerSession): Promise<void> {
  for (;;) void answer(await session.acceptStream()).catch(() => undefined);
}

async function answer(stream: Stream): Promise<void> {
  let first = true;
  for await (const chunk of stream) {
    if (first && Buffer.from(chunk).toString().startsWith('film')) {
      await stream.sendFrom('film', FILM);
      break;
    }
    first = false;
    await stream.write(chunk);
  }
  await stream.close();
}
