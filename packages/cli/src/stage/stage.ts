import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLinks, SeededRandom, type EmulatedLink, type LinkOptions, type LinkSet } from '@kwik/testbed';
import { parseHostPort } from '../address.js';
import type { CliIo } from '../io.js';
import { ServerProcess, type Ailments } from './server-process.js';

export const FILE_NAME = 'film.bin';
/** The beginning of the file, as a file: what the best server alone is measured with. */
export const SAMPLE_NAME = 'sample.bin';
const WRITE_BYTES = 1024 * 1024;
/** One way: servers in the same region. */
const LINK_DELAY_MS = 10;
/** A router's queue of a fair size, as time at the link's rate. */
const QUEUE_MS = 50;

export interface StageOptions {
  /** Size of the file, and of its beginning as a file of its own. */
  readonly bytes: number;
  readonly sampleBytes: number;
  /** The content of the file and the chances of the links follow from it. */
  readonly seed: number;
  /** Of the servers' links, bits per second; the first is the primary's. */
  readonly ratesBps: readonly number[];
  /** Each server has a copy of the file to itself. Default: they share one. */
  readonly ownCopies?: boolean;
  /** Each server keeps an audit log and qlogs. Default: none does. */
  readonly records?: boolean;
}

/** A file, servers in processes of their own, links, an authority: on loopback and in a temporary folder. */
export class Stage {
  readonly #folder: string;
  readonly #copies: readonly string[];
  readonly #options: StageOptions;
  readonly #servers: ServerProcess[];
  readonly #links: LinkSet<string>;
  readonly #linkByServer: ReadonlyMap<string, string>;
  readonly sha256: string;

  private constructor(
    folder: string,
    options: StageOptions,
    copies: readonly string[],
    servers: ServerProcess[],
    links: LinkSet<string>,
    sha256: string,
  ) {
    this.#folder = folder;
    this.#options = options;
    this.#copies = copies;
    this.#servers = servers;
    this.#links = links;
    this.#linkByServer = new Map(servers.map(({ address }, index) => [address, links.links[String(index)]!.address()]));
    this.sha256 = sha256;
  }

  static async set(io: CliIo, options: StageOptions): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), 'kwik-stage-'));
    const started: ServerProcess[] = [];
    try {
      const sha256 = await makeFiles(join(folder, 'files'), options);
      const copies = await makeCopies(folder, options);
      const dataFolder = join(folder, 'data');
      const start = async (copy: string, peers: string[]): Promise<ServerProcess> => {
        const index = copies.indexOf(copy);
        const records = options.records === true ? { records: join(folder, `records-${index}`) } : {};
        if (records.records !== undefined) await mkdir(records.records);
        const server = await ServerProcess.start(io, { folder: copy, dataFolder, peers, ...records });
        started.push(server);
        return server;
      };
      const peers = await allOrNone(copies.slice(1).map((copy) => start(copy, [])));
      const addresses = peers.map(({ address }) => address);
      const servers = [await start(copies[0]!, addresses), ...peers];
      const shapes = Object.fromEntries(
        servers.map((server, index) => [
          String(index),
          shapeOf(server, options.ratesBps[index]!, options.seed + index),
        ]),
      );
      return new Stage(folder, options, copies, servers, await createLinks(shapes, { isolated: true }), sha256);
    } catch (error) {
      await Promise.all(started.map((server) => server.stop()));
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get servers(): readonly ServerProcess[] {
    return this.#servers;
  }

  /** Size of the file. */
  get bytes(): number {
    return this.#options.bytes;
  }

  /** What the link of a server is like when nothing is wrong with it. */
  shape(index: number): { rateBitsPerSecond: number; delayMs: number } {
    return { rateBitsPerSecond: this.#options.ratesBps[index]!, delayMs: LINK_DELAY_MS };
  }

  /** The link in front of a server. */
  link(index: number): EmulatedLink {
    return this.#links.links[String(index)]!;
  }

  /** The file as this server has it. */
  copy(index: number): string {
    return join(this.#copies[index]!, FILE_NAME);
  }

  /** Another process in the place of one that has ended, at the same address: well, or with what is wrong with it. */
  async restart(index: number, ailments: Ailments = {}): Promise<void> {
    this.#servers[index] = await this.#servers[index]!.again(ailments);
  }

  /** Where a client reaches a server: through its link. */
  via(serverAddress: string): string {
    return this.#linkByServer.get(serverAddress) ?? serverAddress;
  }

  /** Number of the server behind an address, be it the server's own or its link's; -1 for a stranger. */
  indexOf(address: string): number {
    return this.#servers.findIndex((server) => server.address === address || this.via(server.address) === address);
  }

  /** PEM of the demo's own authority. */
  authority(): Promise<string> {
    return readFile(join(this.#folder, 'data', 'dev-authority', 'ca.pem'), 'utf8');
  }

  async clear(): Promise<void> {
    await Promise.allSettled([...this.#servers.map((server) => server.stop()), this.#links.close()]);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** As Promise.all, but a failure waits for the others: what they started must be known to be stopped. */
async function allOrNone<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

function shapeOf(server: ServerProcess, rateBitsPerSecond: number, seed: number): LinkOptions {
  const queueBytes = Math.round(((rateBitsPerSecond / 8) * QUEUE_MS) / 1000);
  const both = { rateBitsPerSecond, delayMs: LINK_DELAY_MS, queueBytes };
  return { target: parseHostPort(server.address), both, seed };
}

/** The folder that each server serves. */
async function makeCopies(folder: string, { ratesBps, ownCopies = false }: StageOptions): Promise<string[]> {
  if (!ownCopies) return ratesBps.map(() => join(folder, 'files'));
  return Promise.all(
    ratesBps.map(async (_, index) => {
      const copy = join(folder, `files-${index}`);
      await mkdir(copy);
      for (const name of [FILE_NAME, SAMPLE_NAME]) await copyFile(join(folder, 'files', name), join(copy, name));
      return copy;
    }),
  );
}

/** Pseudo-random bytes, so that nothing can be saved by compression. Returns the SHA-256 of the whole file. */
async function makeFiles(folder: string, { bytes, sampleBytes, seed }: StageOptions): Promise<string> {
  await mkdir(folder, { recursive: true });
  const random = new SeededRandom(seed);
  const hash = createHash('sha256');
  const file = await open(join(folder, FILE_NAME), 'wx');
  const sample = await open(join(folder, SAMPLE_NAME), 'wx');
  try {
    let sampleLeft = sampleBytes;
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
