import { dial, listen, type Session } from '@kwik/session';
import { Answers, type EchoContender } from './contender.js';

const PATHS_TIMEOUT_MS = 5000;

/** A stream of a session. With several paths both ends use all of them. */
export const session: EchoContender = {
  async serve({ certPem, keyPem, caPem }) {
    const listener = await listen({ credentials: { cert: certPem, key: keyPem }, trust: { ca: caPem } });
    void (async () => {
      for await (const client of listener) {
        void (async () => {
          const stream = await client.acceptStream();
          for await (const data of stream) await stream.write(data);
          await stream.close();
        })().catch(() => undefined);
      }
    })();
    return listener.address().port;
  },

  async connect([first, ...others], caPem) {
    const client = await dial(`127.0.0.1:${first}`, {
      trust: { ca: caPem },
      writes: { routing: 'distributed' },
      paths: { extra: others.map((port) => ({ address: `127.0.0.1:${port}` })) },
    });
    await havePaths(client, others.length + 1);
    const stream = client.openStream();
    const answers = new Answers();
    return {
      echo: async (message) => {
        const answer = answers.expect(message.length);
        await stream.write(message);
        for (let left = message.length; left > 0; ) {
          const data = (await stream.read()) ?? fail();
          left -= data.length;
          answers.push(data);
        }
        return await answer;
      },
      close: () => client.close(),
    };
  },
};

function havePaths(client: Session, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`fewer than ${count} paths`)), PATHS_TIMEOUT_MS);
    const look = (): void => {
      if (client.getActivePaths().length < count) return;
      clearTimeout(timer);
      stop();
      resolve();
    };
    const stop = client.onPathChange(look);
    look();
  });
}

function fail(): never {
  throw new Error('the stream ended');
}
