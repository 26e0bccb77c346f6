import { KwikError, type DiscoverySnapshot, type FoundServer, type ServerRecord } from '@kwik/wire';
import { Etcd3, type IOptions, type Lease } from 'etcd3';
import { systemClock } from '../system-clock.js';
import { report, type Announcement } from '../announcement.js';
import type { DiscoverySource } from '../discovery-source.js';
import { readServer, writeServer } from '../server-list-shape.js';
import { delay } from '../waiting.js';

const PREFIX = 'kwik/v1/services';
const MAX_SERVERS = 16_384;
/** For one call of etcd, which has no deadline of its own: a partition would hold it for minutes. */
const CALL_MS = 5000;
/** A server that vanishes is gone within 30 s (V2.3, V4.2). */
const LEASE_S = 15;
/** A watch that says nothing may be dead: all is read again so often. */
const READ_AGAIN_MS = 20_000;
/** Changes of many servers at once are read together. */
const TOGETHER_MS = 200;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 5000;

export interface EtcdOptions {
  /** Hosts and credentials, as etcd3 takes them. */
  readonly etcd: IOptions;
  readonly service: string;
  /** Default: `etcd`. */
  readonly name?: string;
}

/** Servers below `kwik/v1/services/SERVICE/` in etcd, watched; read again as a whole when the watch fails or history was compacted. */
export function etcd(options: EtcdOptions): DiscoverySource {
  const { service, name = 'etcd' } = options;
  return {
    name,
    async *watch(signal) {
      const client = clientOf(options.etcd);
      const prefix = `${PREFIX}/${service}/`;
      try {
        for (;;) {
          const { snapshot, revision } = await readAll(client, prefix);
          yield snapshot;
          await firstChange(client, prefix, revision, signal);
          await delay(systemClock(), TOGETHER_MS, signal);
          if (signal.aborted) return;
        }
      } finally {
        client.close();
      }
    },
  };
}

async function readAll(client: Etcd3, prefix: string): Promise<{ snapshot: DiscoverySnapshot; revision: string }> {
  const found = await client.getAll().prefix(prefix).limit(MAX_SERVERS).options(within()).exec();
  const problems: string[] = [];
  const servers: FoundServer[] = found.kvs.flatMap(({ key, value }) => {
    try {
      return [{ record: readServer(JSON.parse(value.toString('utf8'))).record, ttlMs: undefined }];
    } catch (error) {
      problems.push(`${key.toString('utf8').slice(prefix.length)}: ${messageOf(error)}`);
      return [];
    }
  });
  return { snapshot: { servers, problems }, revision: found.header.revision };
}

/** Resolves at a change after `revision`, when the watch is over for whatever reason, or when all is due to be read again. */
async function firstChange(client: Etcd3, prefix: string, revision: string, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const watcher = client
    .watch()
    .prefix(prefix)
    .startRevision(String(BigInt(revision) + 1n))
    .watcher();
  watcher
    .on('data', () => over.abort())
    .on('error', () => over.abort())
    .on('end', () => over.abort())
    .on('disconnected', () => over.abort());
  await delay(systemClock(), READ_AGAIN_MS, either);
  await Promise.race([watcher.cancel().catch(() => undefined), delay(systemClock(), CALL_MS, signal)]);
}

export interface EtcdAnnounceOptions extends EtcdOptions {
  /** What etcd forgets the server after, seconds; 5 at least. Default: 15. */
  readonly leaseSeconds?: number;
  readonly onFailure?: (error: unknown) => void;
}

/**
 * Announces a server in etcd, by a lease that is kept alive. A lease that is lost (etcd was away for longer, or somebody revoked
 * it) is granted, and the server put, again.
 */
export function announceByEtcd(record: ServerRecord, options: EtcdAnnounceOptions): Announcement {
  return new EtcdAnnouncement(record, options);
}

class EtcdAnnouncement implements Announcement {
  readonly #client: Etcd3;
  readonly #options: EtcdAnnounceOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #record: ServerRecord;
  #lease: Lease | undefined;
  #again = new AbortController();

  constructor(record: ServerRecord, options: EtcdAnnounceOptions) {
    this.#record = record;
    this.#options = options;
    this.#client = clientOf(options.etcd);
    this.#running = this.#run();
  }

  update(record: ServerRecord): void {
    this.#record = record;
    this.#again.abort();
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return this.#running;
    this.#closing.abort();
    await this.#running;
    try {
      await this.#lease?.revoke(within());
    } catch (error) {
      report(this.#options.onFailure, error);
    }
    this.#client.close();
  }

  async #run(): Promise<void> {
    let waitMs = FIRST_WAIT_MS;
    while (!this.#closing.signal.aborted) {
      this.#again = new AbortController();
      try {
        await this.#put();
        waitMs = FIRST_WAIT_MS;
        // Until it changes or is lost. Looked at now and then: etcd3 loses leases silently.
        await delay(systemClock(), READ_AGAIN_MS, this.#either());
      } catch (error) {
        report(this.#options.onFailure, error);
        this.#drop();
        await delay(systemClock(), waitMs, this.#closing.signal);
        waitMs = Math.min(MAX_WAIT_MS, waitMs * 2);
      }
    }
  }

  async #put(): Promise<void> {
    const lease = (this.#lease ??= this.#newLease());
    const { service } = this.#options;
    const { serverId, addresses } = this.#record;
    const key = `${PREFIX}/${service}/${serverId === '' ? addresses[0] : serverId}`;
    const put = async () => {
      await lease.grant();
      await lease.put(key).value(writeServer(this.#record)).options(within());
    };
    await withDeadline(put(), this.#closing.signal);
  }

  #newLease(): Lease {
    const lease = this.#client.lease(this.#options.leaseSeconds ?? LEASE_S, within());
    lease.on('lost', (error) => {
      report(this.#options.onFailure, error);
      if (this.#lease === lease) this.#drop();
      this.#again.abort();
    });
    return lease;
  }

  #drop(): void {
    this.#lease?.release();
    this.#lease = undefined;
  }

  #either(): AbortSignal {
    return AbortSignal.any([this.#closing.signal, this.#again.signal]);
  }
}

function within(): { deadline: Date } {
  return { deadline: new Date(Date.now() + CALL_MS) };
}

/** etcd3 tries for longer than its deadlines say while it connects. */
async function withDeadline<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => undefined);
  const late = delay(systemClock(), CALL_MS, signal).then(() => {
    throw new KwikError('ERR_KWIK_TIMEOUT', `etcd did not answer in ${CALL_MS} ms`);
  });
  return Promise.race([promise, late]);
}

function clientOf(options: IOptions): Etcd3 {
  return new Etcd3({ dialTimeout: CALL_MS, ...options });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
