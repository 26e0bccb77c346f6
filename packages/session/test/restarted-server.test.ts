import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { Session } from '@kwik/session';
import { createLinks } from '@kwik/testbed';
import { developmentCertificate } from '../src/credentials/dev-authority.js';
import { Harness } from './harness.js';

jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  const { port } = socket.address();
  await new Promise<void>((done) => socket.close(() => done()));
  return port;
}

/** A server that is killed without a word and there again at once, as another process. How long its client took to notice, ms. */
async function noticedAfterMs(resetKey: Uint8Array | undefined): Promise<number> {
  const made = await developmentCertificate(['127.0.0.1']);
  const options = {
    port: await freePort(),
    credentials: { cert: made.certPem, key: made.keyPem },
    trust: { ca: made.ca },
    ...(resetKey !== undefined && { identity: { resetKey } }),
  };
  const first = await harness.listen(options);
  const target = { host: '127.0.0.1', port: options.port };
  const { links, close } = await createLinks({ primary: { target, both: {} } }, { isolated: true });
  harness.onClose(close);
  const [client] = await Promise.all([harness.dial(`127.0.0.1:${links.primary.port}`), first.accept()]);
  links.primary.cut();
  await first.close({ force: true });
  await harness.listen(options);
  const dead = whenDead(client);
  links.primary.heal();
  const healedMs = performance.now();
  // It keeps sending, as a client of a transfer does.
  const stream = client.openStream();
  const writing = setInterval(() => void stream.write(new Uint8Array(500)).catch(() => undefined), 50);
  await dead;
  clearInterval(writing);
  return performance.now() - healedMs;
}

function whenDead(session: Session): Promise<void> {
  return new Promise((resolve) => {
    session.onPathChange((path) => {
      if (path.id === 0 && path.state === 'dead') resolve();
    });
    void session.closed.then(() => resolve());
  });
}

test('a server that is back with its key is known for a new one at once: its stateless resets verify', async () => {
  expect(await noticedAfterMs(randomBytes(32))).toBeLessThan(1_500);
});

test('one without is within 5 s: resets that do not verify are no sign of life', async () => {
  expect(await noticedAfterMs(undefined)).toBeLessThan(5_000);
});
