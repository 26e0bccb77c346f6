import { dial, listen, type Listener } from '@kwik/session';
import type { ChaosWorld } from '@kwik/testbed/chaos';

/** The program under test: a server that gives back what it is sent, stream by stream. */
export async function echo(listener: Listener): Promise<void> {
  for await (const session of listener) {
    void (async () => {
      for (;;) {
        const stream = await session.acceptStream();
        void stream.readable.pipeTo(stream.writable).catch(() => undefined);
      }
    })().catch(() => undefined);
  }
}

/**
 * What must hold, whatever happens on the network: ten messages come back as they were sent. The server's host is cut off, slowed
 * and shaken by faults that the world's seed draws, and heals; nobody knows of it but the network.
 */
export async function tenMessagesComeBack(world: ChaosWorld): Promise<void> {
  const server = world.host('10.0.0.1', { both: { rateBitsPerSecond: 20e6, delayMs: 15 } });
  const listener = await listen({
    host: '10.0.0.1',
    port: 4433,
    runtime: server.runtime,
    timeouts: { recoveryMs: 120_000 },
  });
  void echo(listener);
  const { runtime } = world.host('10.0.0.9');
  const session = await world.run(dial('10.0.0.1:4433', { runtime, timeouts: { recoveryMs: 120_000 } }));
  world.unleash({
    hosts: ['10.0.0.1'],
    faults: 4,
    withinMs: 5000,
    kinds: ['cut', 'flap', 'loss', 'slow', 'reorder', 'duplicate'],
  });
  for (let index = 0; index < 10; index++) {
    const sent = `message ${index} `.repeat(2000);
    const stream = session.openStream();
    const answer = (async () => {
      let text = '';
      for await (const chunk of stream) text += Buffer.from(chunk).toString();
      return text;
    })();
    await world.run(stream.write(sent));
    await world.run(stream.close());
    const came = await world.run(answer);
    if (came !== sent) throw new Error(`message ${index} came back as ${came.length} characters of ${sent.length}`);
    await world.pass(500);
  }
  await world.run(session.close());
  await world.run(listener.close({ force: true }));
}
