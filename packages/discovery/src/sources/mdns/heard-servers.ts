import { isIPv4 } from 'node:net';
import type { DiscoverySnapshot, FoundServer } from '@kwik/wire';
import type { Answer } from 'dns-packet';
import type { ResponsePacket } from 'multicast-dns';
import { joinAddress } from '../../core/records/address.js';
import { makeRecord } from '../../core/records/server-record.js';
import { recordOfText } from '../../core/records/text-record.js';
import { plainName, sameName } from '../dns/dns-client.js';
import { srvOf, stringsOf } from '../dns/dns-sd.js';
import type { HeardInstance } from './known-answers.js';

export const SERVICE = '_kwik._udp.local';
/** RFC 6762, section 10: what names a host lives two minutes, other records longer; one for all keeps changes near. */
export const TTL_S = 120;
const MAX_TTL_S = 4500;
/** Servers of the local network that are kept; anybody there may announce any number. */
const MAX_INSTANCES = 256;
const MAX_ANSWERS = 512;
/** Addresses of one server. */
const MAX_HOSTS = 8;

interface KnownServer extends HeardInstance {
  readonly found: FoundServer;
}

export interface HeardServersOptions {
  /** Servers of other services are left alone. */
  readonly service: string;
  /** Server ids that are not wanted. */
  readonly ignore?: readonly string[];
}

/** The servers of a service that the local network was heard to announce, for as long as it said. */
export class HeardServers {
  readonly #options: HeardServersOptions;
  readonly #known = new Map<string, KnownServer>();

  constructor(options: HeardServersOptions) {
    this.#options = options;
  }

  /** Whether the packet changed anything. `now` in milliseconds; never throws, whoever sent it. */
  take({ answers = [], additionals = [] }: Pick<ResponsePacket, 'answers' | 'additionals'>, now: number): boolean {
    const all = [...answers, ...additionals].slice(0, MAX_ANSWERS) as Answered[];
    const said = namesOf(all);
    let changed = false;
    for (const srv of all) {
      if (srv.type !== 'SRV' || !sameName(srv.name.slice(-SERVICE.length), SERVICE)) continue;
      const key = srv.name.toLowerCase();
      const ttlS = Math.min(MAX_TTL_S, srv.ttl ?? TTL_S);
      if (ttlS <= 0) {
        changed = this.#known.delete(key) || changed;
        continue;
      }
      const found = this.#read(srv, said, ttlS * 1000);
      if (found === undefined || (this.#known.size >= MAX_INSTANCES && !this.#known.has(key))) continue;
      this.#known.set(key, { found, instance: srv.name, ttlS, untilMs: now + ttlS * 1000 });
      changed = true;
    }
    return changed;
  }

  instances(): Iterable<HeardInstance> {
    return this.#known.values();
  }

  /** Those whose time is not over. */
  snapshot(now: number): DiscoverySnapshot {
    for (const [key, { untilMs }] of this.#known) if (untilMs <= now) this.#known.delete(key);
    return {
      servers: [...this.#known.values()].map(({ found, untilMs }) => ({ record: found.record, ttlMs: untilMs - now })),
    };
  }

  #read(srv: Answered, said: ReadonlyMap<string, Named>, ttlMs: number): FoundServer | undefined {
    const { service, ignore = [] } = this.#options;
    try {
      const strings = stringsOf(said.get(plainName(srv.name))?.text);
      const { target, port, priority, weight } = srvOf(srv.data);
      const hosts = said.get(plainName(target))?.hosts ?? [];
      if (!strings.includes(`svc=${service}`)) return undefined;
      const record = recordOfText(
        strings.filter((text) => !text.startsWith('svc=')),
        joinAddress(hosts[0] ?? target, port),
      );
      if (record.serverId !== undefined && ignore.includes(record.serverId)) return undefined;
      const addresses = hosts.length === 0 ? record.addresses : hosts.map((host) => joinAddress(host, port));
      return { record: makeRecord({ weight: Math.max(1, weight), priority, ...record, addresses }), ttlMs };
    } catch {
      // Somebody else's, or nonsense.
      return undefined;
    }
  }
}

type Answered = Answer & { readonly ttl?: number; readonly data?: unknown };

/** What a packet says of a name. */
interface Named {
  /** Of its first TXT record. */
  text?: unknown;
  /** IPv4 addresses, each once. */
  readonly hosts: string[];
}

/** Read once: what a packet costs must not grow with the square of its records. */
function namesOf(all: readonly Answered[]): ReadonlyMap<string, Named> {
  const names = new Map<string, Named>();
  for (const { type, name, data } of all) {
    if (type !== 'TXT' && type !== 'A') continue;
    const key = plainName(name);
    const named = names.get(key) ?? { hosts: [] };
    names.set(key, named);
    if (type === 'TXT') named.text ??= data;
    else if (isIPv4(data) && named.hosts.length < MAX_HOSTS && !named.hosts.includes(data)) named.hosts.push(data);
  }
  return names;
}
