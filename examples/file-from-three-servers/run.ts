import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Listener } from '@kwik/session';
import { fetchFile, type Share } from './client.js';
import { startPrimary, startReplica } from './server.js';

/** Three servers and a client on this machine; `content` is the file. */
export async function runThreeServers(content: Uint8Array): Promise<{ same: boolean; shares: Share[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'kwik-example-'));
  try {
    await writeFile(join(folder, 'film'), content);
    await using one = await startReplica(folder);
    await using two = await startReplica(folder);
    await using primary = await startPrimary(folder, [addressOf(one), addressOf(two)]);
    const copy = join(folder, 'copy');
    const shares = await fetchFile(addressOf(primary), 'film', copy);
    return { same: (await readFile(copy)).equals(content), shares };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function addressOf(listener: Listener): string {
  const { address, port } = listener.address();
  return `${address}:${port}`;
}
