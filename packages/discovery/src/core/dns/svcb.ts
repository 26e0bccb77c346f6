import { KwikError } from '@kwik/wire';

/** The value of an SVCB record (RFC 9460, section 2.2), as far as KWIK uses it. */
export interface SvcbValue {
  /** 0: an alias, which says where to ask instead. */
  readonly priority: number;
  /** Without the last dot; '' for the root: the owner's own name. */
  readonly target: string;
  readonly alpn: readonly string[];
  /** Undefined: the scheme's own. */
  readonly port: number | undefined;
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  /** Keys that a client must understand, and this one does not: the record is not to be used (section 8). */
  readonly unknownMandatory: readonly number[];
}

const KEY = { mandatory: 0, alpn: 1, noDefaultAlpn: 2, port: 3, ipv4Hint: 4, ech: 5, ipv6Hint: 6 } as const;
const UNDERSTOOD: readonly number[] = [KEY.alpn, KEY.noDefaultAlpn, KEY.port, KEY.ipv4Hint, KEY.ipv6Hint];
const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
/** Of hints: what a record may list usefully. */
const MAX_HINTS = 16;
const IPV4_BYTES = 4;
const IPV6_BYTES = 16;

/** Reads the RDATA of an SVCB or HTTPS record. Throws ERR_KWIK_INVALID_MESSAGE for what is none, or cut off. */
export function decodeSvcb(data: Uint8Array): SvcbValue {
  const reader = new ByteReader(data);
  const priority = reader.u16();
  const target = readName(reader);
  const params = readParams(reader);
  const mandatory = u16List(params.get(KEY.mandatory));
  const absent = mandatory.find((key) => !params.has(key));
  if (absent !== undefined) throw malformed(`key ${absent} is mandatory and absent`);
  const portBytes = params.get(KEY.port);
  if (portBytes !== undefined && portBytes.length !== 2) throw malformed('its port has not two bytes');
  return {
    priority,
    target,
    alpn: readAlpn(params.get(KEY.alpn)),
    port: portBytes === undefined ? undefined : new ByteReader(portBytes).u16(),
    ipv4: hints(params.get(KEY.ipv4Hint), IPV4_BYTES, (bytes) => [...bytes].join('.')),
    ipv6: hints(params.get(KEY.ipv6Hint), IPV6_BYTES, ipv6Text),
    unknownMandatory: mandatory.filter((key) => !UNDERSTOOD.includes(key)),
  };
}

/** The RDATA of a record with these parameters. Throws ERR_KWIK_INVALID_ARGUMENT for a name that cannot be. */
export function encodeSvcb(value: {
  readonly priority: number;
  readonly target: string;
  readonly alpn?: readonly string[];
  readonly port?: number;
}): Uint8Array {
  const bytes: number[] = [value.priority >> 8, value.priority & 0xff, ...nameBytes(value.target)];
  const put = (key: number, content: readonly number[]): void => {
    bytes.push(key >> 8, key & 0xff, content.length >> 8, content.length & 0xff, ...content);
  };
  const { alpn = [], port } = value;
  if (alpn.length > 0)
    put(
      KEY.alpn,
      alpn.flatMap((id) => [id.length, ...asciiBytes(id)]),
    );
  if (port !== undefined) put(KEY.port, [port >> 8, port & 0xff]);
  return Uint8Array.from(bytes);
}

class ByteReader {
  #at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get left(): number {
    return this.bytes.length - this.#at;
  }

  u8(): number {
    return this.take(1)[0] ?? 0;
  }

  u16(): number {
    const [high = 0, low = 0] = this.take(2);
    return high * 256 + low;
  }

  take(count: number): Uint8Array {
    if (count > this.left) throw malformed('it is cut off');
    const bytes = this.bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return bytes;
  }
}

/** Uncompressed (section 2.2); a compression pointer is an error. */
function readName(reader: ByteReader): string {
  const labels: string[] = [];
  let bytes = 1;
  for (;;) {
    const length = reader.u8();
    if (length === 0) return labels.join('.');
    bytes += length + 1;
    if (length > MAX_LABEL_BYTES || bytes > MAX_NAME_BYTES) throw malformed('its target is no plain name');
    const label = text(reader.take(length));
    if (!/^[\w-]+$/.test(label)) throw malformed('its target is no host name');
    labels.push(label);
  }
}

/** Each key once, in ascending order (section 2.2). */
function readParams(reader: ByteReader): ReadonlyMap<number, Uint8Array> {
  const params = new Map<number, Uint8Array>();
  let last = -1;
  while (reader.left > 0) {
    const key = reader.u16();
    if (key <= last) throw malformed('its keys are not in ascending order');
    last = key;
    params.set(key, reader.take(reader.u16()));
  }
  return params;
}

function readAlpn(bytes: Uint8Array | undefined): string[] {
  if (bytes === undefined) return [];
  const reader = new ByteReader(bytes);
  const ids: string[] = [];
  while (reader.left > 0) {
    const length = reader.u8();
    if (length === 0) throw malformed('one of its protocols has no name');
    ids.push(text(reader.take(length)));
  }
  return ids;
}

function u16List(bytes: Uint8Array | undefined): number[] {
  if (bytes === undefined) return [];
  const reader = new ByteReader(bytes);
  const values: number[] = [];
  while (reader.left > 0) values.push(reader.u16());
  return values;
}

function hints(bytes: Uint8Array | undefined, size: number, toText: (bytes: Uint8Array) => string): string[] {
  if (bytes === undefined) return [];
  if (bytes.length === 0 || bytes.length % size !== 0) throw malformed('a hint of it is no whole address');
  const count = Math.min(MAX_HINTS, bytes.length / size);
  return Array.from({ length: count }, (_, index) => toText(bytes.subarray(index * size, (index + 1) * size)));
}

function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    (bytes[index * 2]! * 256 + bytes[index * 2 + 1]!).toString(16),
  );
  return groups.join(':');
}

function nameBytes(name: string): number[] {
  const labels = name === '' ? [] : name.replace(/\.$/, '').split('.');
  const bytes = labels.flatMap((label) => {
    if (label === '' || label.length > MAX_LABEL_BYTES) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `'${name}' is no name of DNS`);
    }
    return [label.length, ...asciiBytes(label)];
  });
  return [...bytes, 0];
}

function asciiBytes(value: string): number[] {
  return Array.from(value, (char) => char.charCodeAt(0) & 0x7f);
}

/** Bytes as Latin-1: what is no plain text shows as such, and is refused by whoever knows what it should be. */
function text(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function malformed(why: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_MESSAGE', `an SVCB record cannot be read: ${why}`);
}
