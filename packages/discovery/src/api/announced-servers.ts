import {
  checkArgument,
  KwikError,
  optionRules,
  type Clock,
  type FoundServer,
  type ServerRecord,
  type TimerHandle,
} from '@kwik/wire';
import { aRecord } from '../core/records/server-record.js';
import { systemClock } from '../sources/system-clock.js';

const MAX_SERVICES = 256;
const MAX_SERVERS = 16_384;
export const MAX_TTL_MS = 300_000;

interface Kept {
  readonly record: ServerRecord;
  readonly timer: TimerHandle;
  readonly untilMs: number;
}

/** Where an HTTP API keeps the servers that announced themselves. */
export interface ServerStore {
  put(service: string, id: string, record: ServerRecord, ttlMs: number): Promise<void> | void;
  remove(service: string, id: string): Promise<void> | void;
  get(service: string, id: string): ServerRecord | undefined;
  list(service: string): readonly FoundServer[];
  /** Another number after each change of the service. */
  version(service: string): number;
  onChange(listener: (service: string) => void): () => void;
}

/** In memory: what is announced stays as long as its time to live says. */
export class AnnouncedServers implements ServerStore {
  readonly #clock: Clock;
  readonly #services = new Map<string, Map<string, Kept>>();
  readonly #versions = new Map<string, number>();
  readonly #listeners = new Set<(service: string) => void>();
  #changes = 0;
  /** The number of all that is not remembered. */
  #forgotten = 0;

  /** Throws ERR_KWIK_INVALID_ARGUMENT for what is no clock. */
  constructor(clock: Clock = systemClock()) {
    checkArgument('AnnouncedServers', 'clock', clock, optionRules.clock);
    this.#clock = clock;
  }

  /** Throws ERR_KWIK_LIMIT_EXCEEDED, and ERR_KWIK_INVALID_ARGUMENT for what is no record and no time. */
  put(service: string, id: string, record: ServerRecord, ttlMs: number): void {
    checkArgument('put', 'record', record, aRecord);
    checkArgument('put', 'ttlMs', ttlMs, optionRules.aboveZero);
    const servers = this.#services.get(service) ?? new Map<string, Kept>();
    const before = servers.get(id);
    if (before === undefined && servers.size >= MAX_SERVERS) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `'${service}' has its ${MAX_SERVERS} servers`);
    }
    if (!this.#services.has(service) && this.#services.size >= MAX_SERVICES) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `${MAX_SERVICES} services are kept`);
    }
    before?.timer.cancel();
    const bounded = Math.min(MAX_TTL_MS, ttlMs);
    const timer = this.#clock.schedule(bounded, () => this.remove(service, id));
    servers.set(id, { record, timer, untilMs: this.#clock.now() + bounded });
    this.#services.set(service, servers);
    if (before === undefined || JSON.stringify(view(before.record)) !== JSON.stringify(view(record)))
      this.#changed(service);
  }

  remove(service: string, id: string): void {
    const servers = this.#services.get(service);
    const kept = servers?.get(id);
    if (servers === undefined || kept === undefined) return;
    kept.timer.cancel();
    servers.delete(id);
    if (servers.size === 0) this.#services.delete(service);
    this.#changed(service);
  }

  get(service: string, id: string): ServerRecord | undefined {
    return this.#services.get(service)?.get(id)?.record;
  }

  list(service: string): readonly FoundServer[] {
    return [...(this.#services.get(service)?.values() ?? [])].map(({ record }) => ({ record, ttlMs: undefined }));
  }

  version(service: string): number {
    return this.#versions.get(service) ?? this.#forgotten;
  }

  onChange(listener: (service: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    for (const servers of this.#services.values()) for (const { timer } of servers.values()) timer.cancel();
    this.#services.clear();
    this.#listeners.clear();
  }

  #changed(service: string): void {
    // A service that came and went is remembered by its number, so that an ETag of before does not fit again. No number is given
    // twice, also not to one that was forgotten.
    this.#versions.delete(service);
    this.#versions.set(service, ++this.#changes);
    if (this.#versions.size > 2 * MAX_SERVICES) {
      const [oldest] = this.#versions.keys();
      if (oldest !== undefined) this.#versions.delete(oldest);
      this.#forgotten = this.#changes;
    }
    for (const listener of [...this.#listeners]) listener(service);
  }
}

function view({ attributes, ...rest }: ServerRecord): object {
  return { ...rest, attributes: [...attributes] };
}
