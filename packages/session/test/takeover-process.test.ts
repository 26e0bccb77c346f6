import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { Stream } from '@kwik/session';
import { addressOf, Harness, pattern, readAll, sourceOf } from './harness.js';

/** For machines that do much else at the time; nothing here measures it. */
jest.setTimeout(120_000);

const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const TSCONFIG = fileURLToPath(new URL('../../../tsconfig.tests.json', import.meta.url));
const PROGRAM = fileURLToPath(new URL('programs/primary.ts', import.meta.url));
const BYTES = 10_000_000;
const KILL_AT_BYTES = 2_000_000;
/** The primary cannot have sent all of it when it is killed. */
const WINDOW_BYTES = 1_000_000;

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** A primary in a process of its own, and where it listens. */
async function startPrimary(fleetKey: Uint8Array, standby: string): Promise<{ child: ChildProcess; address: string }> {
  const args = ['--import', TSX, PROGRAM, Buffer.from(fleetKey).toString('hex'), standby, String(BYTES)];
  const env = { ...process.env, TSX_TSCONFIG_PATH: TSCONFIG };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  harness.onClose(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const [address] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { child, address };
}

async function say(stream: Stream, text: string): Promise<void> {
  await stream.write(text);
  await stream.close();
}

test('a session survives the kill of its primary’s process, with every byte of its content', async () => {
  const content = pattern(BYTES);
  const fleetKey = new Uint8Array(randomBytes(32));
  const standby = await harness.listen({ takeover: { fleetKeys: [fleetKey] }, replica: () => sourceOf(content) });
  const { child, address } = await startPrimary(fleetKey, addressOf(standby));
  const client = await harness.dial(address, { limits: { streamWindowBytes: WINDOW_BYTES } });

  const film = client.openStream();
  await film.write('get');
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of film) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= KILL_AT_BYTES && !child.killed) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  expect(child.signalCode).toBe('SIGKILL');
  expect(Buffer.concat(chunks).equals(content)).toBe(true);
  // What came before fits into what was read, and the window behind it.
  expect(client.getActivePaths()).toMatchObject([{ id: 0, primary: true, address: addressOf(standby) }]);
  expect(client.getActivePaths()[0]!.receivedBytes).toBeGreaterThanOrEqual(BYTES - KILL_AT_BYTES - 2 * WINDOW_BYTES);

  const session = await standby.accept();
  expect(session).toMatchObject({ id: client.id, role: 'primary', takenOver: true });
  const mine = client.openStream();
  const [theirs] = await Promise.all([session.acceptStream(), say(mine, 'hello')]);
  expect(Buffer.from(await readAll(theirs)).toString()).toBe('hello');
  const [answer] = await Promise.all([readAll(mine), say(theirs, 'hello')]);
  expect(Buffer.from(answer).toString()).toBe('hello');
});
