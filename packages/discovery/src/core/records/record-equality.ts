import type { ServerRecord } from '@kwik/wire';

/** Whether two records say the same. */
export function sameRecord(one: ServerRecord, other: ServerRecord): boolean {
  return (
    one === other ||
    (one.serverId === other.serverId &&
      one.region === other.region &&
      one.zone === other.zone &&
      one.weight === other.weight &&
      one.priority === other.priority &&
      one.load === other.load &&
      one.accepting === other.accepting &&
      one.serverName === other.serverName &&
      one.pin === other.pin &&
      one.signature?.value === other.signature?.value &&
      sameList(one.addresses, other.addresses) &&
      sameList(one.capabilities, other.capabilities) &&
      sameList(one.tags, other.tags) &&
      sameMap(one.attributes, other.attributes))
  );
}

function sameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}

function sameMap(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  if (one.size !== other.size) return false;
  for (const [name, value] of one) if (other.get(name) !== value) return false;
  return true;
}
