import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { pause } from '@kwik/testbed';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Harness } from './harness.js';

jest.setTimeout(120_000);

const BIN = fileURLToPath(new URL('../dist/bin.js', import.meta.url));
const MB = 1_000_000;

let harness: Harness;
const children: ChildProcess[] = [];
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await harness.close();
});

/** A `kwik` whose output nobody reads until the test does. */
function unread(args: readonly string[]): ChildProcess & { readonly stdout: Readable } {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: harness.folder,
    env: { ...process.env, NODE_OPTIONS: '', KWIK_DATA_DIR: harness.path('data') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

async function firstBytes(stream: Readable, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let have = 0;
  while (have < bytes) {
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) {
      await once(stream, 'readable');
      continue;
    }
    chunks.push(chunk);
    have += chunk.length;
  }
  return Buffer.concat(chunks);
}

test('a reader that pauses for longer than --timeout gets every byte once', async () => {
  const sha256 = await harness.makeFile('a/film', 30 * MB);
  const { address } = await harness.serve('a');
  const child = unread(['get', '-q', '-t', '1', `kwik://${address}/film`, '-o', '-']);
  const hash = createHash('sha256');
  const first = await firstBytes(child.stdout, MB);
  hash.update(first);
  let bytes = first.length;
  // The pause itself is what is tested.
  await pause(4000);
  for await (const chunk of child.stdout) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  if (child.exitCode === null) await once(child, 'exit');
  expect({ bytes, sha256: hash.digest('hex'), status: child.exitCode }).toEqual({ bytes: 30 * MB, sha256, status: 0 });
});

test('a session that is lost on the way: the next one goes on behind the last byte', async () => {
  const sha256 = await harness.makeFile('a/film', 8 * MB);
  const server = await harness.serve('a');
  const link = await harness.linkTo(server);
  const child = unread(['get', '-q', '-t', '60', `kwik://${link.address()}/film`, '-o', '-']);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of child.stdout) {
    const before = bytes;
    bytes += (chunk as Buffer).length;
    hash.update(chunk as Buffer);
    if (before < 3 * MB && bytes >= 3 * MB) {
      link.cut();
      // Longer than the session is waited for, once its silence is noticed.
      void pause(15_000).then(() => link.heal());
    }
  }
  if (child.exitCode === null) await once(child, 'exit');
  expect({ bytes, sha256: hash.digest('hex'), status: child.exitCode }).toEqual({
    bytes: 8 * MB,
    sha256,
    status: 0,
  });
  await server.process.printed(/("event":"session-opened"[^]*){2}/u);
});

test('SIGTERM ends a download whose reader does not read', async () => {
  await harness.makeFile('a/film', 30 * MB);
  const { address } = await harness.serve('a');
  const child = unread(['get', '-q', `kwik://${address}/film`, '-o', '-']);
  await once(child.stdout, 'readable');
  child.kill('SIGTERM');
  await once(child, 'exit');
  expect(child.exitCode).toBe(143);
});

test('SIGTERM ends a server whose log nobody reads', async () => {
  await harness.makeFile('a/film', 1000);
  const child = unread(['serve', harness.path('a'), '--listen', '127.0.0.1:0', '--json']);
  const listening = (await firstBytes(child.stdout, 20)).toString();
  const address = /"address":"([^"]+)"/u.exec(listening)?.[1] ?? '';
  for (let round = 0; round < 3; round++) {
    expect(await harness.run(['get', '-q', '-f', `kwik://${address}/film`])).toMatchObject({ status: 0 });
  }
  child.kill('SIGTERM');
  await once(child, 'exit');
  expect(child.exitCode).toBe(0);
});
