import { checkOptions, KwikError, optionRules, type FoundServer, type ServerRecord } from '@kwik/wire';
import type { Etcd3, IKeyValue, IOptions } from 'etcd3';
import { report } from '../sources/announcement.js';
import {
  clientOf,
  etcdHosts,
  firstChange,
  MAX_SERVERS,
  PREFIX,
  readKeys,
  within,
  withDeadline,
} from '../sources/etcd/etcd-client.js';
import { readServer, writeServer } from '../sources/server-list-shape.js';
import { systemClock } from '../sources/system-clock.js';
import { delay } from '../sources/waiting.js';
import { MAX_TTL_MS, type ServerStore } from './announced-servers.js';

/** Changes of many servers at once are read together. */
const TOGETHER_MS = 200;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 5000;
/** What etcd grants at the least is its own to say; below this a busy machine loses leases for nothing. */
const MIN_LEASE_S = 5;
const NO_LEASE = '0';

export interface EtcdServersOptions {
  /** Hosts and credentials, as etcd3 takes them. */
  readonly etcd: IOptions;
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

const RULES = optionRules.group<EtcdServersOptions>({ etcd: etcdHosts, onFailure: optionRules.call }, ['etcd']);

interface Kept {
  readonly record: ServerRecord;
  /** As it stands in etcd. */
  readonly json: string;
  readonly lease: string;
}

/**
 * Servers in etcd, for an HTTP API that loses nothing when it restarts, and of which several may run. What is announced to etcd
 * itself is there, too. While etcd is away, what was known last is told, and announcing fails.
 */
export class EtcdServers implements ServerStore {
  readonly #client: Etcd3;
  readonly #onFailure: ((error: unknown) => void) | undefined;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(service: string) => void>();
  #services = new Map<string, Map<string, Kept>>();
  /** Leases that were granted here and have a server. */
  #own = new Set<string>();
  readonly #turns = new Map<string, Promise<void>>();
  readonly #running: Promise<void>;
  #version = 0;

  private constructor(
    client: Etcd3,
    first: Awaited<ReturnType<typeof readKeys>>,
    onFailure: ((error: unknown) => void) | undefined,
  ) {
    this.#client = client;
    this.#onFailure = onFailure;
    this.#take(first.keys);
    this.#running = this.#follow(first.revision);
  }

  /** Rejects with ERR_KWIK_INVALID_ARGUMENT for options that are wrong, and when etcd does not answer. */
  static async open(options: EtcdServersOptions): Promise<EtcdServers> {
    checkOptions(options, { call: 'EtcdServers.open', root: RULES });
    const client = clientOf(options.etcd);
    try {
      const first = await withDeadline(readKeys(client, `${PREFIX}/`), new AbortController().signal);
      return new EtcdServers(client, first, options.onFailure);
    } catch (error) {
      client.close();
      throw error;
    }
  }

  put(service: string, id: string, record: ServerRecord, ttlMs: number): Promise<void> {
    const ttlS = Math.max(MIN_LEASE_S, Math.ceil(Math.min(MAX_TTL_MS, ttlMs) / 1000));
    return this.#inTurn(keyOf(service, id), async (key) => {
      const json = writeServer(record);
      const before = this.#services.get(service)?.get(id);
      const kept = [...this.#services.values()].reduce((sum, { size }) => sum + size, 0);
      if (before === undefined && kept >= MAX_SERVERS) {
        throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `etcd has its ${MAX_SERVERS} servers`);
      }
      // A lease that lives on is kept, also for what has changed: else each change would leave one behind.
      const lease = before !== undefined && (await this.#renewed(before.lease, ttlS)) ? before.lease : undefined;
      if (lease !== undefined && before?.json === json) return;
      const holds = await this.#write(key, json, lease ?? ttlS);
      // Who has announced finds it at once.
      this.#keep(service, id, { record, json, lease: holds });
      if (before !== undefined && before.lease !== holds) await this.#revoke(before.lease);
    });
  }

  remove(service: string, id: string): Promise<void> {
    return this.#inTurn(keyOf(service, id), async (key) => {
      await this.#call(() => this.#client.delete().key(key).options(within()).exec());
      const before = this.#services.get(service)?.get(id);
      if (this.#services.get(service)?.delete(id) === true) this.#changed([service]);
      if (before !== undefined) await this.#revoke(before.lease);
    });
  }

  get(service: string, id: string): ServerRecord | undefined {
    return this.#services.get(service)?.get(id)?.record;
  }

  list(service: string): readonly FoundServer[] {
    return [...(this.#services.get(service)?.values() ?? [])].map(({ record }) => ({ record, ttlMs: undefined }));
  }

  version(): number {
    return this.#version;
  }

  onChange(listener: (service: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    this.#listeners.clear();
    this.#client.close();
  }

  /** Reads all again at each change, and after each failure. */
  async #follow(from: string): Promise<void> {
    const { signal } = this.#closing;
    const over = (): boolean => signal.aborted;
    let revision = from;
    let waitMs = FIRST_WAIT_MS;
    while (!over()) {
      try {
        await firstChange(this.#client, `${PREFIX}/`, revision, signal);
        await delay(systemClock(), TOGETHER_MS, signal);
        if (over()) return;
        const read = await withDeadline(readKeys(this.#client, `${PREFIX}/`), signal);
        revision = read.revision;
        this.#take(read.keys);
        waitMs = FIRST_WAIT_MS;
      } catch (error) {
        if (over()) return;
        report(this.#onFailure, error);
        await delay(systemClock(), waitMs, signal);
        waitMs = Math.min(MAX_WAIT_MS, 2 * waitMs);
      }
    }
  }

  #take(keys: readonly IKeyValue[]): void {
    const now = new Map<string, Map<string, Kept>>();
    const held = new Set(keys.map(({ lease }) => lease));
    this.#own = new Set([...this.#own].filter((lease) => held.has(lease)));
    for (const { key, value, lease } of keys) {
      const [service = '', ...rest] = key
        .toString('utf8')
        .slice(PREFIX.length + 1)
        .split('/');
      const json = value.toString('utf8');
      const record = recordOf(json);
      if (record === undefined || rest.length === 0) continue;
      const servers = now.get(service) ?? new Map<string, Kept>();
      now.set(service, servers.set(rest.join('/'), { record, json, lease }));
    }
    const before = this.#services;
    this.#services = now;
    this.#changed(
      [...new Set([...before.keys(), ...now.keys()])].filter((name) => textOf(before, name) !== textOf(now, name)),
    );
  }

  #keep(service: string, id: string, kept: Kept): void {
    const servers = this.#services.get(service) ?? new Map<string, Kept>();
    const before = servers.get(id)?.json;
    this.#services.set(service, servers.set(id, kept));
    if (before !== kept.json) this.#changed([service]);
  }

  #changed(services: readonly string[]): void {
    if (services.length === 0) return;
    this.#version++;
    for (const service of services) for (const listener of [...this.#listeners]) listener(service);
  }

  /** What is to be done with one key at once is done one after the other, so that each finds the lease of the one before. */
  async #inTurn(key: string, work: (key: string) => Promise<void>): Promise<void> {
    const before = this.#turns.get(key) ?? Promise.resolve();
    const turn = before.then(() => work(key));
    const settled = turn.catch(() => undefined);
    this.#turns.set(key, settled);
    try {
      await turn;
    } finally {
      if (this.#turns.get(key) === settled) this.#turns.delete(key);
    }
  }

  /** By the lease that is given, or by a new one for so many seconds. Resolves with the lease. */
  async #write(key: string, json: string, leaseOrTtl: string | number): Promise<string> {
    const put = (lease: string) => this.#client.put(key).value(json).lease(lease).options(within());
    if (typeof leaseOrTtl === 'string') {
      await this.#call(async () => put(leaseOrTtl));
      return leaseOrTtl;
    }
    const { ID } = await this.#call(() => this.#client.leaseClient.leaseGrant({ TTL: leaseOrTtl }, within()));
    this.#own.add(ID);
    try {
      await this.#call(async () => put(ID));
      return ID;
    } catch (error) {
      await this.#revoke(ID);
      throw error;
    }
  }

  /** Only what was granted here, for one key: others may keep more than that by one lease. What fails ends by itself. */
  async #revoke(lease: string): Promise<void> {
    if (!this.#own.delete(lease)) return;
    await this.#call(() => this.#client.leaseClient.leaseRevoke({ ID: lease }, within())).catch(() => undefined);
  }

  /** Whether the lease lives on, for about as long as it should. */
  async #renewed(lease: string, ttlS: number): Promise<boolean> {
    if (lease === NO_LEASE) return false;
    const leftS = await this.#call(async () => {
      const stream = await this.#client.leaseClient.leaseKeepAlive(within());
      try {
        return await new Promise<number>((resolve, reject) => {
          stream.on('error', reject).on('data', ({ TTL }: { TTL: string }) => resolve(Number(TTL)));
          stream.write({ ID: lease });
        });
      } finally {
        stream.end();
      }
    });
    // etcd grants more than is asked for where its own elections take long.
    return leftS >= ttlS && leftS <= 2 * ttlS + MIN_LEASE_S;
  }

  #call<T>(work: () => Promise<T>): Promise<T> {
    return withDeadline(work(), this.#closing.signal);
  }
}

function keyOf(service: string, id: string): string {
  return `${PREFIX}/${service}/${id}`;
}

/** Undefined for what others wrote there and is none. */
function recordOf(json: string): ServerRecord | undefined {
  try {
    return readServer(JSON.parse(json)).record;
  } catch {
    return undefined;
  }
}

function textOf(services: ReadonlyMap<string, ReadonlyMap<string, Kept>>, name: string): string {
  const servers = [...(services.get(name) ?? [])].map(([id, { json }]) => `${id} ${json}`);
  return servers.sort().join('\n');
}
