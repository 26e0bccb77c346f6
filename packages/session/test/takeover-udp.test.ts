import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createLinks } from '@kwik/testbed';
import type { Listener, ListenOptions, Session } from '@kwik/session';
import { addressOf, Harness, pattern, sourceOf } from './harness.js';

/** For machines that do much else at the time; nothing here measures it. */
jest.setTimeout(60_000);

const fleetKeys = [new Uint8Array(32).fill(0xf1)];
const content = pattern(4_000_000, 5);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** Sends the content into whatever a client opens. */
function serve(listener: Listener): void {
  void (async () => {
    for await (const session of listener) {
      void (async () => {
        for (;;) {
          const stream = await session.acceptStream();
          await stream.read();
          await stream.sendFrom('film', sourceOf(content), { end: true });
        }
      })().catch(() => undefined);
    }
  })().catch(() => undefined);
}

async function fleet(ofPrimary: ListenOptions = {}): Promise<{ primary: Listener; standby: Listener }> {
  const standby = await harness.listen({ takeover: { fleetKeys }, replica: () => sourceOf(content) });
  const primary = await harness.listen({
    takeover: { fleetKeys, standby: () => ({ address: addressOf(standby) }) },
    ...ofPrimary,
  });
  serve(standby);
  serve(primary);
  return { primary, standby };
}

/** Reads it all; `act` is called once, in the middle. */
async function download(client: Session, act: () => void = () => undefined): Promise<Buffer> {
  const stream = client.openStream();
  await stream.write('get');
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    if (bytes < 1_000_000 && bytes + chunk.length >= 1_000_000) act();
    bytes += chunk.length;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

describe('over UDP and TLS', () => {
  test('a session goes on at the standby when its primary falls silent', async () => {
    const { primary, standby } = await fleet();
    const target = { host: '127.0.0.1', port: primary.address().port };
    const both = { rateBitsPerSecond: 40e6, delayMs: 5, queueBytes: 200_000 };
    const { links, close } = await createLinks({ primary: { target, both } }, { isolated: true });
    harness.onClose(close);
    const client = await harness.dial(links.primary.address());
    expect((await download(client, () => links.primary.cut())).equals(content)).toBe(true);
    expect(standby.stats().opened).toBe(1);
    expect(client.getActivePaths()).toMatchObject([{ id: 0, primary: true }]);
    // It is the standby's session in all: it takes what is new.
    expect((await download(client)).equals(content)).toBe(true);
  });

  test('a listener that is closed hands its sessions over, and does not wait for their content', async () => {
    const { primary, standby } = await fleet();
    const target = { host: '127.0.0.1', port: primary.address().port };
    // At this rate the content takes eight seconds.
    const both = { rateBitsPerSecond: 4e6, delayMs: 5, queueBytes: 50_000 };
    const { links, close } = await createLinks({ primary: { target, both } }, { isolated: true });
    harness.onClose(close);
    const client = await harness.dial(links.primary.address());
    let closed: Promise<void> | undefined;
    let left = 0;
    const whole = await download(client, () => {
      closed = primary.close().then(() => void (left = standby.stats().sessions));
    });
    expect(whole.equals(content)).toBe(true);
    await closed;
    expect(left).toBe(1);
    expect(standby.stats().opened).toBe(1);
    expect(client.getActivePaths()).toHaveLength(1);
  });

  test('a fleet key that is none is refused when the server starts', async () => {
    const refused = { code: 'ERR_KWIK_INVALID_ARGUMENT' };
    await expect(harness.listen({ takeover: { fleetKeys: [] } })).rejects.toMatchObject(refused);
    await expect(harness.listen({ takeover: { fleetKeys: [new Uint8Array(31)] } })).rejects.toMatchObject(refused);
    await expect(harness.listen({ takeover: { fleetKeys, ticketLifeMs: 1 } })).rejects.toMatchObject(refused);
  });
});
