import { checkOptions, optionRules, type Clock, type DiscoverySnapshot, type FoundServer } from '@kwik/wire';
import { decodeSvcb, type SvcbValue } from '../../core/dns/svcb.js';
import { joinAddress } from '../../core/records/address.js';
import { makeRecord } from '../../core/records/server-record.js';
import { systemClock } from '../system-clock.js';
import type { DiscoverySource } from '../discovery-source.js';
import { DNS_RULES, DnsClient, type DnsOptions } from './dns-client.js';
import { refreshing } from './refresh.js';

/** dns-packet has no codec for type 64, and hands out its bytes under this name. */
const SVCB_TYPE = 'UNKNOWN_64';
/** RFC 9460, section 3: a bound on aliases that lead to aliases. */
const MAX_ALIASES = 4;
const MAX_RECORDS = 256;
const DEFAULT_PORT = 4433;
const ALPN = 'kwik';

export interface SvcbOptions extends DnsOptions {
  /** `_kwik.DOMAIN` is asked for (RFC 9460, section 2.3). */
  readonly domain: string;
  /** Where a record says none. Default: 4,433. */
  readonly defaultPort?: number;
  /** Default: `svcb`. */
  readonly name?: string;
  readonly clock?: Clock;
}

const { clock: aClock, group, port, text } = optionRules;
const RULES = group<SvcbOptions>({ ...DNS_RULES, domain: text, defaultPort: port, name: text, clock: aClock }, [
  'domain',
]);

/**
 * SVCB records (RFC 9460): servers by priority, with port and address hints. Throws ERR_KWIK_INVALID_ARGUMENT, which names the
 * member that is wrong.
 */
export function svcb(options: SvcbOptions): DiscoverySource {
  checkOptions(options, { call: 'svcb', root: RULES });
  const clock = options.clock ?? systemClock();
  const client = new DnsClient(options, clock);
  return {
    name: options.name ?? 'svcb',
    watch: (signal) =>
      refreshing(clock, signal, () =>
        readSvcb(client, `_kwik.${options.domain}`, options.defaultPort ?? DEFAULT_PORT, signal),
      ),
  };
}

async function readSvcb(
  client: DnsClient,
  name: string,
  defaultPort: number,
  signal: AbortSignal,
): Promise<DiscoverySnapshot> {
  const problems: string[] = [];
  let owner = name;
  for (let aliases = 0; aliases <= MAX_ALIASES; aliases++) {
    const answers = (await client.query(owner, SVCB_TYPE, signal)).slice(0, MAX_RECORDS);
    const values = answers.flatMap(({ data, ttl }) => {
      try {
        return [{ value: decodeSvcb(data as Uint8Array), ttl }];
      } catch (error) {
        problems.push(`${owner}: ${error instanceof Error ? error.message : String(error)}`);
        return [];
      }
    });
    const alias = values.find(({ value }) => value.priority === 0);
    if (alias === undefined || alias.value.target === '') {
      return {
        servers: values.flatMap(({ value, ttl }) => serverOf(value, ttl, owner, defaultPort, problems)),
        problems,
      };
    }
    owner = alias.value.target;
  }
  return { servers: [], problems: [...problems, `${name}: more than ${MAX_ALIASES} aliases`] };
}

function serverOf(
  value: SvcbValue,
  ttl: number,
  owner: string,
  defaultPort: number,
  problems: string[],
): FoundServer[] {
  const { priority, target, alpn, port = defaultPort, unknownMandatory } = value;
  if (priority === 0) return [];
  if (unknownMandatory.length > 0) {
    problems.push(`${owner}: a record asks for keys that are not understood: ${unknownMandatory.join(', ')}`);
    return [];
  }
  if (alpn.length > 0 && !alpn.includes(ALPN)) {
    problems.push(`${owner}: a record is for ${alpn.join(', ')}, not for ${ALPN}`);
    return [];
  }
  // The name comes first: what is in the certificate is its own, and hints may be old (section 7.3).
  const host = target === '' ? owner.replace(/^(_[^.]+\.)+/, '') : target;
  return [{ record: makeRecord({ addresses: [joinAddress(host, port)], priority }), ttlMs: ttl * 1000 }];
}
