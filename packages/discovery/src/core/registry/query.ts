import {
  checkArgument,
  checkOptions,
  optionRules,
  type SelectionRequest,
  type ServerQuery,
  type ServerRecord,
} from '@kwik/wire';

const { amount, count, flag, group, list, text } = optionRules;

/** As many as there are, too. */
const limit = optionRules.value('a number', (given) => typeof given === 'number' && !Number.isNaN(given));

const QUERY = {
  capabilities: list(text),
  region: text,
  zone: text,
  tags: list(text),
  maxLoad: amount,
  exclude: list(text),
} satisfies Record<keyof ServerQuery, optionRules.OptionRule>;
const QUERY_RULES = group<ServerQuery>(QUERY);
const REQUEST_RULES = group<SelectionRequest>({ ...QUERY, count, apart: flag }, ['count']);

/** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
export function checkRequest(call: string, request: unknown): void {
  checkOptions(request, { call, root: REQUEST_RULES });
}

/** As `checkRequest`; `most` is how many are wanted at the most. */
export function checkQuery(call: string, query: unknown, most: unknown): void {
  checkOptions(query, { call, root: QUERY_RULES });
  checkArgument(call, 'limit', most, limit);
}

/** Why a record is none that the query asks for; undefined: it is one. */
export function mismatch(record: ServerRecord, query: ServerQuery): string | undefined {
  const { capabilities = [], region, zone, tags = [], maxLoad, exclude = [] } = query;
  const lacks = capabilities.find((name) => !record.capabilities.includes(name));
  if (lacks !== undefined) return `has not the capability ${lacks}`;
  if (region !== undefined && record.region !== region) return `is in region '${record.region}', not '${region}'`;
  if (zone !== undefined && record.zone !== zone) return `is in zone '${record.zone}', not '${zone}'`;
  const untagged = tags.find((tag) => !record.tags.includes(tag));
  if (untagged !== undefined) return `has not the tag '${untagged}'`;
  if (maxLoad !== undefined && record.load !== undefined && record.load > maxLoad) {
    return `has a load of ${percent(record.load)}, above ${percent(maxLoad)}`;
  }
  if (exclude.length > 0 && isNamed(record, exclude)) return 'is in use, or was excluded';
  return undefined;
}

function isNamed({ serverId, addresses }: ServerRecord, names: readonly string[]): boolean {
  return (serverId !== '' && names.includes(serverId)) || addresses.some((address) => names.includes(address));
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
