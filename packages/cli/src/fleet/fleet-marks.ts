import type { DrainMark, DrainMarks } from '@kwik/discovery/etcd';
import { parseSource } from '@kwik/discovery/source-spec';
import { readRegistryCredentials, sourcesOf, type DiscoverFlags } from '../discovery/discover.js';
import { usageError } from '../errors.js';
import type { CliIo } from '../io.js';

/** The marks in all etcds among the sources. */
export class FleetMarks {
  readonly #service: string;
  readonly #flags: DiscoverFlags;
  readonly #io: Pick<CliIo, 'env'>;
  #opened: Promise<readonly DrainMarks[]> | undefined;

  constructor(service: string, flags: DiscoverFlags, io: Pick<CliIo, 'env'>) {
    this.#service = service;
    this.#flags = flags;
    this.#io = io;
  }

  /** None where no source is an etcd. */
  async all(): Promise<Map<string, DrainMark>> {
    const marks = await Promise.all((await this.#open()).map((one) => one.all()));
    return new Map(marks.flatMap((one) => [...one]));
  }

  /** Resolves with the mark that it takes the place of. Rejects with a usage error where no source is an etcd. */
  async set(server: string, mark: DrainMark): Promise<DrainMark | undefined> {
    const before = await Promise.all((await this.#required()).map((one) => one.set(server, mark)));
    return before.find((one) => one !== undefined);
  }

  /** Resolves with whether there was one. Rejects as `set` does. */
  async clear(server: string): Promise<boolean> {
    return (await Promise.all((await this.#required()).map((one) => one.clear(server)))).includes(true);
  }

  close(): void {
    void this.#opened?.then((all) => {
      for (const one of all) one.close();
    });
  }

  async #required(): Promise<readonly DrainMarks[]> {
    const all = await this.#open();
    if (all.length > 0) return all;
    throw usageError('servers are marked in etcd: give --discover etcd:HOST:PORT, where they announce themselves');
  }

  #open(): Promise<readonly DrainMarks[]> {
    this.#opened ??= this.#openAll();
    return this.#opened;
  }

  async #openAll(): Promise<readonly DrainMarks[]> {
    const credentials = await readRegistryCredentials(this.#flags, this.#io);
    const { openDrainMarks } = await import('@kwik/discovery');
    const specs = [...new Set(sourcesOf(this.#flags, this.#io.env))].map((text) => parseSource(text));
    const all = specs.flatMap((spec) =>
      spec.kind === 'etcd' ? [openDrainMarks(spec, { service: this.#service, credentials })] : [],
    );
    return Promise.all(all);
  }
}
