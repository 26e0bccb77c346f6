import { checkOptions, KwikError, optionRules, type Clock, type DiscoverySnapshot, type FoundServer } from '@kwik/wire';
import { joinAddress } from '../../core/records/address.js';
import { makeRecord } from '../../core/records/server-record.js';
import { recordOfText } from '../../core/records/text-record.js';
import { systemClock } from '../system-clock.js';
import type { DiscoverySource } from '../discovery-source.js';
import { DNS_RULES, DnsClient, type DnsAnswer, type DnsOptions } from './dns-client.js';
import { refreshing } from './refresh.js';

/** Instances of one service that are looked at, and how many at once. */
const MAX_INSTANCES = 1024;
const AT_ONCE = 8;

export interface DnsSdOptions extends DnsOptions {
  /** The domain of the service: `_kwik._udp.DOMAIN` is asked for. */
  readonly domain: string;
  /** Default: `dns-sd`. */
  readonly name?: string;
  readonly clock?: Clock;
}

const { clock: aClock, group, text } = optionRules;
const RULES = group<DnsSdOptions>({ ...DNS_RULES, domain: text, name: text, clock: aClock }, ['domain']);

/**
 * DNS-SD (RFC 6763): PTR records of `_kwik._udp.DOMAIN` name the instances, SRV and TXT records say where and what each of them is.
 * Without PTR records the SRV records of `_kwik._udp.DOMAIN` itself count (RFC 2782). Throws
 * ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong.
 */
export function dnsSd(options: DnsSdOptions): DiscoverySource {
  checkOptions(options, { call: 'dnsSd', root: RULES });
  const clock = options.clock ?? systemClock();
  const client = new DnsClient(options, clock);
  const service = `_kwik._udp.${options.domain}`;
  return {
    name: options.name ?? 'dns-sd',
    watch: (signal) => refreshing(clock, signal, () => readService(client, service, signal)),
  };
}

async function readService(client: DnsClient, service: string, signal: AbortSignal): Promise<DiscoverySnapshot> {
  const pointers = await client.query(service, 'PTR', signal);
  const problems: string[] = [];
  const names = [...new Set(pointers.map(({ data }) => data).filter((data) => typeof data === 'string'))];
  if (names.length > MAX_INSTANCES) problems.push(`${names.length - MAX_INSTANCES} instances beyond ${MAX_INSTANCES}`);
  const pointerTtl = shortest(pointers);
  const instances = names.length === 0 ? [service] : names.slice(0, MAX_INSTANCES);
  const servers: FoundServer[] = [];
  for (let at = 0; at < instances.length; at += AT_ONCE) {
    const batch = instances.slice(at, at + AT_ONCE);
    const found = await Promise.all(batch.map((name) => readInstance(client, name, pointerTtl, problems, signal)));
    servers.push(...found.flat());
  }
  return { servers, problems };
}

async function readInstance(
  client: DnsClient,
  name: string,
  pointerTtl: number,
  problems: string[],
  signal: AbortSignal,
): Promise<FoundServer[]> {
  const [services, texts] = await Promise.all([client.query(name, 'SRV', signal), client.query(name, 'TXT', signal)]);
  const strings = texts.flatMap(({ data }) => stringsOf(data));
  const ttlMs = Math.min(pointerTtl, shortest(services), shortest(texts)) * 1000;
  return services.flatMap(({ data }) => {
    try {
      const { target, port, priority, weight } = srvOf(data);
      // RFC 2782: a target of '.' says that the service is decidedly not available.
      if (target === '' || target === '.') return [];
      const said = recordOfText(strings, joinAddress(target.replace(/\.$/, ''), port));
      return [{ record: makeRecord({ weight: Math.max(1, weight), priority, ...said }), ttlMs }];
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  });
}

function shortest(answers: readonly DnsAnswer[]): number {
  return answers.reduce((least, { ttl }) => Math.min(least, ttl), Infinity);
}

/** Of a TXT record, whose strings dns-packet gives as bytes, one or a list. */
export function stringsOf(data: unknown): string[] {
  const list = Array.isArray(data) ? (data as unknown[]) : [data];
  return list.flatMap((item) =>
    typeof item === 'string' || item instanceof Uint8Array ? [Buffer.from(item as string).toString('utf8')] : [],
  );
}

export function srvOf(data: unknown): { target: string; port: number; priority: number; weight: number } {
  const { target, port, priority = 0, weight = 0 } = data as Partial<Record<string, unknown>>;
  if (typeof target !== 'string' || typeof port !== 'number') {
    throw new KwikError('ERR_KWIK_INVALID_MESSAGE', 'its SRV record cannot be read');
  }
  return { target, port, priority: Number(priority), weight: Number(weight) };
}
