import type { ServerRecord } from '@kwik/wire';

/** None can be forgotten: the type wants all. */
const SAME: { readonly [Field in keyof Required<ServerRecord>]: (one: ServerRecord, other: ServerRecord) => boolean } =
  {
    serverId: (one, other) => one.serverId === other.serverId,
    addresses: (one, other) => sameList(one.addresses, other.addresses),
    capabilities: (one, other) => sameList(one.capabilities, other.capabilities),
    region: (one, other) => one.region === other.region,
    zone: (one, other) => one.zone === other.zone,
    tags: (one, other) => sameList(one.tags, other.tags),
    weight: (one, other) => one.weight === other.weight,
    priority: (one, other) => one.priority === other.priority,
    load: (one, other) => one.load === other.load,
    accepting: (one, other) => one.accepting === other.accepting,
    serverName: (one, other) => one.serverName === other.serverName,
    pin: (one, other) => one.pin === other.pin,
    attributes: (one, other) => sameMap(one.attributes, other.attributes),
    signature: (one, other) => one.signature?.value === other.signature?.value,
  };
const FIELDS = Object.keys(SAME) as readonly (keyof ServerRecord)[];

/** Whether two records say the same. */
export function sameRecord(one: ServerRecord, other: ServerRecord): boolean {
  return one === other || FIELDS.every((field) => SAME[field](one, other));
}

/** What became of `before`, in words that hold nothing of what a server said but its load. */
export function whatChanged(before: ServerRecord, after: ServerRecord): string {
  const changed = FIELDS.filter((field) => !SAME[field](before, after));
  return changed.map((field) => wordsOf(field, after)).join(', ');
}

function wordsOf(field: keyof ServerRecord, { load, accepting }: ServerRecord): string {
  if (field === 'load') return load === undefined ? 'its load is not known any more' : `load ${load.toFixed(2)}`;
  if (field === 'accepting') return accepting ? 'takes clients again' : 'takes no more clients';
  return `other ${field}`;
}

function sameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}

function sameMap(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  if (one.size !== other.size) return false;
  for (const [name, value] of one) if (other.get(name) !== value) return false;
  return true;
}
