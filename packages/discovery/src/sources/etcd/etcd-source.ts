import {
  checkArgument,
  checkOptions,
  optionRules,
  type DiscoverySnapshot,
  type FoundServer,
  type ServerRecord,
} from '@kwik/wire';
import type { Etcd3, IOptions, Lease } from 'etcd3';
import { aRecord } from '../../core/records/server-record.js';
import { systemClock } from '../system-clock.js';
import { report, type Announcement } from '../announcement.js';
import type { DiscoverySource } from '../discovery-source.js';
import type { RecordSigner } from '../../signing/record-signer.js';
import { readServer, writeServer } from '../server-list-shape.js';
import { delay } from '../waiting.js';
import {
  clientOf,
  etcdHosts,
  firstChange,
  PREFIX,
  READ_AGAIN_MS,
  readKeys,
  within,
  withDeadline,
} from './etcd-client.js';

/** A server that vanishes is gone within 30 s (V2.3, V4.2). */
const LEASE_S = 15;
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

const { call, group, objectWith, positive, text } = optionRules;
const COMMON = { etcd: etcdHosts, service: text, name: text };
const RULES = group<EtcdOptions>(COMMON, ['etcd', 'service']);

/** Servers below `kwik/v1/services/SERVICE/` in etcd, watched; read again as a whole when the watch fails or history was compacted. Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
export function etcd(options: EtcdOptions): DiscoverySource {
  checkOptions(options, { call: 'etcd', root: RULES });
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
  const { keys, revision } = await readKeys(client, prefix);
  const problems: string[] = [];
  const servers: FoundServer[] = keys.flatMap(({ key, value }) => {
    try {
      return [{ record: readServer(JSON.parse(value.toString('utf8'))).record, ttlMs: undefined }];
    } catch (error) {
      problems.push(`${key.toString('utf8').slice(prefix.length)}: ${messageOf(error)}`);
      return [];
    }
  });
  return { snapshot: { servers, problems }, revision };
}

export interface EtcdAnnounceOptions extends EtcdOptions {
  /** What etcd forgets the server after, seconds; 5 at least. Default: 15. */
  readonly leaseSeconds?: number;
  readonly onFailure?: (error: unknown) => void;
  /** Signs what is put there. */
  readonly signer?: RecordSigner;
}

const ANNOUNCE_RULES = group<EtcdAnnounceOptions>(
  { ...COMMON, leaseSeconds: positive, onFailure: call, signer: objectWith('sign') },
  ['etcd', 'service'],
);

/**
 * Announces a server in etcd, by a lease that is kept alive. A lease that is lost (etcd was away for longer, or somebody revoked
 * it) is granted, and the server put, again.
 */
export function announceByEtcd(record: ServerRecord, options: EtcdAnnounceOptions): Announcement {
  checkArgument('announceByEtcd', 'record', record, aRecord);
  checkOptions(options, { call: 'announceByEtcd', root: ANNOUNCE_RULES });
  return new EtcdAnnouncement(record, options);
}

class EtcdAnnouncement implements Announcement {
  readonly announced: Promise<void>;
  #told: () => void = () => undefined;
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
    this.announced = new Promise((resolve) => {
      this.#told = resolve;
    });
    this.#running = this.#run();
  }

  update(record: ServerRecord): void {
    this.#record = record;
    this.#again.abort();
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return this.#running;
    this.#closing.abort();
    this.#told();
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
        this.#told();
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
    const { service, signer } = this.#options;
    const { serverId, addresses } = this.#record;
    const key = `${PREFIX}/${service}/${serverId === '' ? addresses[0] : serverId}`;
    const put = async () => {
      await lease.grant();
      await lease
        .put(key)
        .value(writeServer(signer?.sign(this.#record) ?? this.#record))
        .options(within());
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
