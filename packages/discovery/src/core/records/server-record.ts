import { KwikError, optionRules, type RecordSignature, type ServerCapability, type ServerRecord } from '@kwik/wire';
import { splitAddress } from './address.js';

/** What a source says of a server: the addresses, and whatever else it knows. */
export type RecordInput = Partial<Omit<ServerRecord, 'addresses' | 'capabilities' | 'attributes'>> & {
  readonly addresses: readonly string[];
  /** Default: `primary`. Those that this version does not know are left out. */
  readonly capabilities?: readonly string[];
  readonly attributes?: ReadonlyMap<string, string> | Readonly<Record<string, string>>;
};

export const CAPABILITIES = [
  'primary',
  'replica',
  'relay',
  'contribute',
  'raw',
  'takeover',
] as const satisfies readonly ServerCapability[];

/** What one record may hold, so that 10,000 of them cost megabytes at the most. Lengths count UTF-16 units. */
export const RECORD_BOUNDS = {
  serverIdLength: 128,
  addresses: 8,
  placeLength: 64,
  tags: 16,
  tagLength: 64,
  attributes: 32,
  attributeLength: 256,
} as const;
const MAX_WEIGHT = 65_535;
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const DEFAULT_CAPABILITIES: readonly ServerCapability[] = ['primary'];

/** For arguments that are records: what `makeRecord` gives. */
export const aRecord = optionRules.value('a server record, as makeRecord gives it', (given) => {
  const { serverId, addresses } = (given ?? {}) as Partial<Record<keyof ServerRecord, unknown>>;
  return typeof serverId === 'string' && Array.isArray(addresses);
});

/** A whole record, its bounds kept. Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
export function makeRecord(input: RecordInput): ServerRecord {
  if (!optionRules.anObject.accepts(input)) throw wrong(`a record is an object with addresses, not ${typeof input}`);
  const { serverId = '', region = '', zone = '', tags = [], weight = 1, priority = 0, accepting = true } = input;
  return {
    serverId: text(serverId, 'serverId', RECORD_BOUNDS.serverIdLength),
    addresses: addressesOf(input.addresses),
    capabilities: capabilitiesOf(input.capabilities),
    region: text(region, 'region', RECORD_BOUNDS.placeLength),
    zone: text(zone, 'zone', RECORD_BOUNDS.placeLength),
    tags: tagsOf(tags),
    weight: whole(weight, 'weight', 1, MAX_WEIGHT),
    priority: whole(priority, 'priority', 0, MAX_WEIGHT),
    load: loadOf(input.load),
    accepting: flag(accepting, 'accepting'),
    serverName:
      input.serverName === undefined ? undefined : text(input.serverName, 'serverName', RECORD_BOUNDS.attributeLength),
    pin: pinOf(input.pin),
    attributes: attributesOf(input.attributes),
    signature: signatureOf(input.signature),
  };
}

function addressesOf(addresses: readonly string[]): readonly string[] {
  requireList(addresses, 'addresses');
  if (addresses.length === 0 || addresses.length > RECORD_BOUNDS.addresses) {
    throw wrong(`a record has ${addresses.length} addresses; it takes 1 to ${RECORD_BOUNDS.addresses}`);
  }
  for (const address of addresses) {
    if (typeof address !== 'string' || splitAddress(address) === undefined) {
      throw wrong(`'${clipped(address)}' is not an address; write host:port or [IPv6]:port`);
    }
  }
  return [...new Set(addresses)];
}

function capabilitiesOf(names: readonly string[] | undefined): readonly ServerCapability[] {
  if (names === undefined) return DEFAULT_CAPABILITIES;
  requireList(names, 'capabilities');
  return CAPABILITIES.filter((known) => names.includes(known));
}

function tagsOf(tags: readonly string[]): readonly string[] {
  requireList(tags, 'tags');
  if (tags.length > RECORD_BOUNDS.tags) throw wrong(`more than ${RECORD_BOUNDS.tags} tags`);
  return [...new Set(tags.map((tag) => text(tag, 'tag', RECORD_BOUNDS.tagLength)))];
}

function attributesOf(given: RecordInput['attributes'] = {}): ReadonlyMap<string, string> {
  if (!optionRules.anObject.accepts(given)) throw wrong('attributes are a Map or an object, with texts');
  const entries = [...(given instanceof Map ? given.entries() : Object.entries(given))] as [string, string][];
  if (entries.length > RECORD_BOUNDS.attributes) throw wrong(`more than ${RECORD_BOUNDS.attributes} attributes`);
  return new Map(
    entries.map(([name, value]) => [
      text(name, 'attribute', RECORD_BOUNDS.attributeLength),
      text(value, 'attribute', RECORD_BOUNDS.attributeLength),
    ]),
  );
}

function loadOf(load: number | undefined): number | undefined {
  if (load === undefined) return undefined;
  if (!optionRules.share.accepts(load)) throw wrong(`a load of ${clipped(load)} is not from 0 to 1`);
  return load;
}

function pinOf(pin: string | undefined): string | undefined {
  if (pin === undefined) return undefined;
  if (typeof pin !== 'string' || !/^[0-9a-f]{64}$/i.test(pin)) throw wrong('a pin is a SHA-256, 64 hexadecimal digits');
  return pin.toLowerCase();
}

function signatureOf(signature: RecordSignature | undefined): RecordSignature | undefined {
  if (signature === undefined) return undefined;
  if (!optionRules.anObject.accepts(signature)) throw wrong('a signature is an object with keyId and value');
  const { keyId, issuedMs, expiresMs, value } = signature;
  if (!/^[0-9a-f]{64}$/.test(keyId)) throw wrong('the keyId of a signature is a SHA-256, 64 hexadecimal digits');
  if (!/^[\w-]{86}$/.test(value)) throw wrong('a signature is 64 bytes in base64url');
  return {
    keyId,
    issuedMs: whole(issuedMs, 'issuedMs', 0, Number.MAX_SAFE_INTEGER),
    expiresMs: whole(expiresMs, 'expiresMs', 0, Number.MAX_SAFE_INTEGER),
    value,
  };
}

/** Printable text: it ends up on terminals and in logs, and marks that reorder or hide text make one name look like another. */
function text(value: string, what: string, maxLength: number): string {
  if (typeof value !== 'string') throw wrong(`${what} is a string, not of type ${typeof value}`);
  if (value.length > maxLength) throw wrong(`${what} has more than ${maxLength} characters`);
  if (UNPRINTABLE.test(value)) throw wrong(`${what} has control characters, or marks that nobody sees`);
  return value;
}

function flag(value: boolean, what: string): boolean {
  if (typeof value !== 'boolean') throw wrong(`${what} is true or false`);
  return value;
}

function requireList(value: unknown, what: string): void {
  if (!Array.isArray(value)) throw wrong(`${what} are a list, not of type ${typeof value}`);
}

function whole(value: number, what: string, min: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw wrong(`${what} is not a whole number from ${min} to ${max}`);
  }
  return value;
}

const SHOWN_LENGTH = 60;

function clipped(value: unknown): string {
  return String(value).replace(new RegExp(UNPRINTABLE, 'gu'), '?').slice(0, SHOWN_LENGTH);
}

function wrong(message: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', message);
}
