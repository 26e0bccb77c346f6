import type { ServerRecord } from '@kwik/wire';
import type { RecordInput } from './server-record.js';

/** Strings of a TXT record that are looked at: a record of DNS-SD has a few. */
const MAX_STRINGS = 64;
const LOAD_SCALE = 1000;

/**
 * What the `key=value` strings of a TXT record say of a server (RFC 6763, section 6): the first of a key counts, keys have no
 * case. Those that are not KWIK's own become attributes.
 */
export function recordOfText(strings: readonly string[], address: string): RecordInput {
  const values = new Map<string, string>();
  for (const text of strings.slice(0, MAX_STRINGS)) {
    const at = text.indexOf('=');
    const key = (at < 0 ? text : text.slice(0, at)).toLowerCase();
    if (key !== '' && !values.has(key)) values.set(key, at < 0 ? '' : text.slice(at + 1));
  }
  const take = (key: string): string | undefined => {
    const value = values.get(key);
    values.delete(key);
    return value;
  };
  const load = numberOf(take('load'));
  const weight = numberOf(take('weight'));
  const capabilities = listOf(take('cap'));
  take('txtvers');
  const input: RecordInput = {
    addresses: [address],
    serverId: take('id') ?? '',
    ...(capabilities !== undefined && { capabilities }),
    region: take('region') ?? '',
    zone: take('zone') ?? '',
    tags: listOf(take('tags')) ?? [],
    ...(weight !== undefined && weight > 0 && { weight }),
    load: load === undefined ? undefined : Math.min(1, load / LOAD_SCALE),
    accepting: take('draining') !== '1',
    serverName: take('name'),
    pin: take('pin'),
    signature: signatureOf(take),
  };
  return { ...input, attributes: values };
}

function signatureOf(take: (key: string) => string | undefined): RecordInput['signature'] {
  const keyId = take('sig-key');
  const [issuedMs, expiresMs] = [numberOf(take('sig-from')), numberOf(take('sig-to'))];
  const value = take('sig');
  if (keyId === undefined || issuedMs === undefined || expiresMs === undefined || value === undefined) return undefined;
  return { keyId, issuedMs, expiresMs, value };
}

function listOf(text: string | undefined): string[] | undefined {
  return text?.split(',').filter((item) => item !== '');
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}

/** The strings of a TXT record that say what the record says. */
export function textOfRecord(record: ServerRecord): string[] {
  const { signature, load, pin, serverName } = record;
  const pairs: (readonly [string, string])[] = [
    ['txtvers', '1'],
    ['id', record.serverId],
    ['cap', record.capabilities.join(',')],
    ['region', record.region],
    ['zone', record.zone],
    ['tags', record.tags.join(',')],
    ['weight', String(record.weight)],
    ['load', load === undefined ? '' : String(Math.round(load * LOAD_SCALE))],
    ['draining', record.accepting ? '' : '1'],
    ['name', serverName ?? ''],
    ['pin', pin ?? ''],
    ...(signature === undefined
      ? []
      : ([
          ['sig-key', signature.keyId],
          ['sig-from', String(signature.issuedMs)],
          ['sig-to', String(signature.expiresMs)],
          ['sig', signature.value],
        ] as const)),
    ...record.attributes,
  ];
  return pairs.filter(([key, value]) => value !== '' || key === 'cap').map(([key, value]) => `${key}=${value}`);
}
