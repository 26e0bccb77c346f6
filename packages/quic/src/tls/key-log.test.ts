import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ProcessResources } from '../endpoint/process-resources.js';
import { connectedPair } from '../test-support/peers.js';

const LABELS = [
  'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
  'SERVER_HANDSHAKE_TRAFFIC_SECRET',
  'CLIENT_TRAFFIC_SECRET_0',
  'SERVER_TRAFFIC_SECRET_0',
];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kwik-keys-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function connect(client: ProcessResources, server: ProcessResources): Promise<void> {
  await using _ = await connectedPair({ clientEndpoint: { resources: client }, serverEndpoint: { resources: server } });
}

/** The secrets by their labels and the client's random number, as Wireshark looks them up. */
async function secretsIn(file: string): Promise<string[]> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  for (const line of lines) expect(line).toMatch(/^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64,96}$/u);
  return lines.filter((line) => LABELS.includes(line.split(' ')[0]!)).sort();
}

describe('TLS secrets', () => {
  test('are written when somebody asks for it, the same at both ends, for the owner alone, until the end', async () => {
    const [client, server] = [new ProcessResources(), new ProcessResources()];
    const [ofClient, ofServer] = [join(folder, 'client'), join(folder, 'server')];
    await connect(client, server);
    const end = client.logTlsKeys(ofClient);
    const endOfServer = server.logTlsKeys(ofServer);
    await connect(client, server);
    await connect(client, server);
    end();
    endOfServer();
    await connect(client, server);
    expect((await readdir(folder)).sort()).toEqual(['client', 'server']);
    const secrets = await secretsIn(ofClient);
    expect(secrets).toHaveLength(2 * LABELS.length);
    expect(await secretsIn(ofServer)).toEqual(secrets);
    expect((await stat(ofClient)).mode & 0o777).toBe(0o600);
  });

  test('cost no connection when their file is gone, and come no more', async () => {
    const client = new ProcessResources();
    const file = join(folder, 'file');
    const end = client.logTlsKeys(file);
    await rm(folder, { recursive: true });
    await connect(client, new ProcessResources());
    end();
    await expect(stat(folder)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('cost no connection, and no process, when they cannot be taken from where they are first', async () => {
    const client = new ProcessResources();
    const file = join(folder, 'file');
    const end = client.logTlsKeys(file);
    try {
      await connect(client, new ProcessResources());
      const [parts] = (await readdir(folder)).filter((name) => name !== 'file');
      await rm(join(folder, parts!), { recursive: true });
      await writeFile(join(folder, parts!), '');
      await connect(client, new ProcessResources());
    } finally {
      end();
    }
  });

  test('are not written into a file that another one has put in the place of the first', async () => {
    const client = new ProcessResources();
    const [file, other] = [join(folder, 'file'), join(folder, 'other')];
    const end = client.logTlsKeys(file);
    await connect(client, new ProcessResources());
    await rename(file, other);
    await writeFile(file, '', { mode: 0o644 });
    end();
    expect(await readFile(file, 'utf8')).toBe('');
    expect(await secretsIn(other)).toHaveLength(LABELS.length);
  });

  test('go into no file of somebody else', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '', { mode: 0o600 });
    const { uid } = await stat(file);
    const user = jest.spyOn(process as Required<NodeJS.Process>, 'geteuid').mockReturnValue(uid + 1);
    try {
      expect(() => new ProcessResources().logTlsKeys(file)).toThrow(
        expect.objectContaining({ code: 'ERR_KWIK_LOCAL_FILE', message: expect.stringContaining('another user') }),
      );
    } finally {
      user.mockRestore();
    }
  });

  test('go into no file that others may read, no link, and none that cannot be written', async () => {
    const resources = new ProcessResources();
    const file = join(folder, 'file');
    await writeFile(file, '');
    await chmod(file, 0o644);
    await symlink(join(folder, 'elsewhere'), join(folder, 'link'));
    execFileSync('mkfifo', ['-m', '600', join(folder, 'pipe')]);
    for (const [path, words] of [
      [file, 'others may read'],
      [join(folder, 'link'), 'ELOOP'],
      [join(folder, 'none', 'file'), 'ENOENT'],
      [join(folder, 'pipe'), 'ENXIO'],
      ['/dev/null', 'no ordinary file'],
    ] as const) {
      expect(() => resources.logTlsKeys(path)).toThrow(
        expect.objectContaining({ code: 'ERR_KWIK_LOCAL_FILE', message: expect.stringContaining(words) }),
      );
    }
  });
});
