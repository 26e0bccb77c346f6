import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Listener } from '@kwik/session';
import { until } from '@kwik/testbed';
import { findProgram } from '@kwik/testbed/programs';
import { useDataFolder } from '../test-support/data-folder.js';
import { BUILD_TIMEOUT_MS, buildClient } from './build.js';
import { AFTER, BEFORE, KEY_NAME, memorySource, startPrimary, startReplica } from './servers.js';

jest.setTimeout(90_000);

const go = findProgram('go');
const hasQuicGo = existsSync('/usr/share/gocode/src/github.com/lucas-clemente/quic-go');

interface Report {
  readonly bytes: number;
  readonly sha256: string;
  readonly blocks: number;
  readonly rejectedBytes: number;
  readonly paths: Readonly<Record<string, number>>;
  readonly untrusted: readonly string[] | null;
}

const addressOf = (listener: Listener): string => `127.0.0.1:${listener.address().port}`;
const sha256 = (...parts: (string | Uint8Array)[]): string =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');

// eslint-disable-next-line no-restricted-syntax -- the gate counts it, and a machine without Go cannot run it
(go !== undefined && hasQuicGo ? describe : describe.skip)("a client in Go, on Debian's quic-go", () => {
  const key = randomBytes(32);
  const content = randomBytes(3_000_001);
  const whole = sha256(BEFORE, content, AFTER);
  let folder: string;
  let program: string;
  let removeDataFolder: () => Promise<void>;

  beforeAll(async () => {
    removeDataFolder = await useDataFolder();
    folder = await mkdtemp(join(tmpdir(), 'kwik-interop-'));
    program = await buildClient(go!, folder);
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await removeDataFolder();
  });

  function fetchContent(primary: Listener, pskKey: Uint8Array = key): Promise<Report> {
    const ca = join(process.env['KWIK_DATA_DIR']!, 'dev-authority', 'ca.pem');
    const args = ['-server', addressOf(primary), '-ca', ca, '-psk-name', KEY_NAME];
    args.push('-psk-key', Buffer.from(pskKey).toString('hex'), '-request', 'content, please');
    return new Promise((resolve, reject) => {
      execFile(program, args, { timeout: 60_000 }, (error, stdout, stderr) => {
        if (error !== null) reject(new Error(stderr));
        else resolve(JSON.parse(stdout) as Report);
      });
    });
  }

  test('reads one stream from three servers, and each block matches its digest', async () => {
    await using one = await startReplica(memorySource(content, 5));
    await using two = await startReplica(memorySource(content, 5));
    const others = [addressOf(one), addressOf(two)];
    const { listener } = await startPrimary(memorySource(content, 5), { key, others });
    await using primary = listener;
    const report = await fetchContent(primary);
    expect(report).toMatchObject({ sha256: whole, blocks: Math.ceil(content.length / 16_384), rejectedBytes: 0 });
    expect(Object.keys(report.paths).sort()).toEqual([addressOf(primary), ...others].sort());
    for (const bytes of Object.values(report.paths)) expect(bytes).toBeGreaterThan(16_384);
    expect(one.stats().tokens.accepted).toBe(1);
  });

  test('finds out a server whose copy is wrong, and goes on without it', async () => {
    await using honest = await startReplica(memorySource(content, 5));
    await using liar = await startReplica(memorySource(randomBytes(content.length)));
    const { listener, sessions } = await startPrimary(memorySource(content, 20), {
      key,
      others: [addressOf(honest), addressOf(liar)],
    });
    await using primary = listener;
    const report = await fetchContent(primary);
    expect(report).toMatchObject({ sha256: whole, untrusted: [addressOf(liar)] });
    expect(report.rejectedBytes).toBeGreaterThan(0);
    const told = sessions[0]!.getAllPaths().find(({ address }) => address === addressOf(liar));
    expect(told?.errorCode).toBe('ERR_KWIK_SERVER_UNTRUSTED');
  });

  test('goes on when a server is lost half-way', async () => {
    const lost = await startReplica(memorySource(content, 20));
    const { listener } = await startPrimary(memorySource(content, 20), { key, others: [addressOf(lost)] });
    await using primary = listener;
    const fetched = fetchContent(primary);
    await Promise.race([until(() => lost.stats().sessions > 0), fetched]);
    await lost.close({ force: true });
    expect((await fetched).sha256).toBe(whole);
  });

  test('is refused with a wrong key', async () => {
    const { listener } = await startPrimary(memorySource(content), { key, others: [] });
    await using primary = listener;
    await expect(fetchContent(primary, randomBytes(32))).rejects.toThrow('0x20');
  });
});
