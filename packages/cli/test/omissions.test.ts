import { writeFile, mkdir } from 'node:fs/promises';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { dial } from '@kwik/session';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Harness } from './harness.js';

jest.setTimeout(120_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

test('what a listing leaves out is named at both ends, and the status is not 0', async () => {
  await harness.makeFile('a/good', 1000);
  await mkdir(harness.path('a'), { recursive: true });
  await writeFile(Buffer.concat([Buffer.from(`${harness.path('a')}/caf`), Buffer.from([0xe9])]), 'x');
  const server = await harness.serve('a');
  const got = await harness.run(['get', '-r', `kwik://${server.address}/`, '-d', 'out']);
  expect(got.status).toBe(1);
  expect(got.stderr).toMatch(/^kwik: caf\S*: its name is not valid UTF-8$/mu);
  expect(got.stdout).toMatch(/1 file done, 1 file failed/u);
  expect(got.stdout).not.toContain('✓');
  await server.process.printed(/"event":"omitted".*"path":"caf[^"]*","reason":"its name is not valid UTF-8"/u);
  const json = await harness.get(['-r', `kwik://${server.address}/`, '-d', 'again']);
  expect(json).toMatchObject({ status: 1, result: { files: { total: 2, done: 1, skipped: 0, failed: 1 } } });
});

test('a peer that is down when the session begins is asked again, and takes part', async () => {
  await harness.makeFile('a/film', 20_000_000);
  // A port that nobody listens on, until the peer does.
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const peer = `127.0.0.1:${socket.address().port}`;
  socket.close();
  const primary = await harness.serve('a', ['--peer', peer]);
  process.env['KWIK_DATA_DIR'] = harness.path('data');
  const session = await dial(primary.address);
  await primary.process.printed(/"event":"peer-failed"/u);
  await harness.serve('a', ['--listen', peer]);
  await primary.process.printed(/"event":"peer-added"/u);
  expect(session.getActivePaths().map(({ address }) => address)).toContain(peer);
  await session.close();
});
