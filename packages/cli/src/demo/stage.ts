import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLinks, SeededRandom, type LinkOptions, type LinkSet } from '@kwik/testbed';
import { parseHostPort } from '../address.js';
import type { CliIo } from '../io.js';
import { LINK_DELAY_MS, queueBytes, SAMPLE_SHARE, type DemoOptions, type DemoServer } from './plan.js';
import { ServerProcess } from './server-process.js';

export const FILE_NAME = 'film.bin';
/** The beginning of the file, as a file: what the best server alone is measured with. */
export const SAMPLE_NAME = 'sample.bin';
const WRITE_BYTES = 1024 * 1024;

/** Everything that a demo needs, on loopback and in a temporary folder: file, servers, links, authority. */
export class Stage {
  readonly #folder: string;
  readonly servers: readonly ServerProcess[];
  readonly #links: LinkSet<string>;
  readonly #linkByServer: ReadonlyMap<string, string>;
  readonly sha256: string;

  private constructor(folder: string, servers: ServerProcess[], links: LinkSet<string>, sha256: string) {
    this.#folder = folder;
    this.servers = servers;
    this.#links = links;
    this.#linkByServer = new Map(servers.map(({ address }, index) => [address, links.links[String(index)]!.address()]));
    this.sha256 = sha256;
  }

  static async set(io: CliIo, options: DemoOptions, plan: readonly DemoServer[]): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), 'kwik-demo-'));
    const started: ServerProcess[] = [];
    try {
      const sha256 = await makeFiles(join(folder, 'files'), options);
      const start = async (peers: string[]): Promise<ServerProcess> => {
        const server = await ServerProcess.start(io, join(folder, 'files'), join(folder, 'data'), peers);
        started.push(server);
        return server;
      };
      const peers = await allOrNone(plan.slice(1).map(() => start([])));
      const servers = [await start(peers.map(({ address }) => address)), ...peers];
      const shapes = Object.fromEntries(
        servers.map((server, index) => [String(index), shapeOf(server, plan[index]!, options.seed + index)]),
      );
      return new Stage(folder, servers, await createLinks(shapes, { isolated: true }), sha256);
    } catch (error) {
      await Promise.all(started.map((server) => server.stop()));
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Where a client reaches a server: through its link. */
  via(serverAddress: string): string {
    return this.#linkByServer.get(serverAddress) ?? serverAddress;
  }

  /** Number of the server behind an address, be it the server's own or its link's; -1 for a stranger. */
  indexOf(address: string): number {
    return this.servers.findIndex((server) => server.address === address || this.via(server.address) === address);
  }

  /** PEM of the demo's own authority. */
  authority(): Promise<string> {
    return readFile(join(this.#folder, 'data', 'dev-authority', 'ca.pem'), 'utf8');
  }

  async clear(): Promise<void> {
    await Promise.allSettled([...this.servers.map((server) => server.stop()), this.#links.close()]);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** As Promise.all, but a failure waits for the others: what they started must be known to be stopped. */
async function allOrNone<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

function shapeOf(server: ServerProcess, { rateBitsPerSecond }: DemoServer, seed: number): LinkOptions {
  const both = { rateBitsPerSecond, delayMs: LINK_DELAY_MS, queueBytes: queueBytes(rateBitsPerSecond) };
  return { target: parseHostPort(server.address), both, seed };
}

/** Pseudo-random bytes, so that nothing can be saved by compression. Returns the SHA-256 of the whole file. */
async function makeFiles(folder: string, { bytes, seed }: DemoOptions): Promise<string> {
  await mkdir(folder, { recursive: true });
  const random = new SeededRandom(seed);
  const hash = createHash('sha256');
  const file = await open(join(folder, FILE_NAME), 'wx');
  const sample = await open(join(folder, SAMPLE_NAME), 'wx');
  try {
    let sampleLeft = Math.round(bytes * SAMPLE_SHARE);
    for (let at = 0; at < bytes; at += WRITE_BYTES) {
      const chunk = random.bytes(Math.min(WRITE_BYTES, bytes - at));
      hash.update(chunk);
      await file.write(chunk);
      if (sampleLeft > 0) await sample.write(chunk.subarray(0, sampleLeft));
      sampleLeft -= chunk.length;
    }
  } finally {
    await file.close();
    await sample.close();
  }
  return hash.digest('hex');
}
