import type { DrainMark } from '@kwik/discovery/etcd';
import type { StandbyCheck } from '@kwik/session';
import type { Survey, SurveyedServer } from '../servers/survey.js';
import { oneLine } from '../ui/text.js';
import type { Capacity } from './capacity.js';

/** A server as `kwik fleet status` tells of it. */
export interface FleetServer extends SurveyedServer {
  /** How long it took to answer a packet; null: it did not within two seconds. */
  readonly answersMs: number | null;
  /** Who wants it to drain; null: nobody. */
  readonly drain: DrainMark | null;
  /** Whether it could take sessions over that are sealed by the key of the command; null: not asked. */
  readonly takeover: StandbyCheck | null;
}

/** For people, a few lines for each server. Whatever servers, marks and sources say is made harmless. */
export function statusLines(
  { service, more, sources }: Survey,
  servers: readonly FleetServer[],
  absent: readonly string[],
): string[] {
  const taking = servers.filter(({ accepting }) => accepting).length;
  const lines = [`${service}: ${servers.length + more} servers, of which ${taking} take clients`];
  for (const server of servers) {
    lines.push(`${server.accepting ? '+' : '-'} ${server.server}  ${server.addresses.join(' ')}`);
    lines.push(`    ${[stateOf(server), ...factsOf(server)].join('; ')}`);
    if (server.drain !== null) lines.push(`    ${markOf(server.drain)}`);
    if (server.takeover !== null) lines.push(`    ${takeoverOf(server.takeover)}`);
    lines.push(`    for a client: ${server.reason}`);
  }
  if (more > 0) lines.push(`  and ${more} more`);
  for (const server of absent) lines.push(`! ${server} is to drain, and is not there`);
  for (const { name, state, failure } of sources) {
    if (failure !== null) lines.push(`! source ${name}: ${state}: ${failure}`);
  }
  return lines.map(indented);
}

function stateOf({ accepting, drain, answersMs }: FleetServer): string {
  const state = accepting ? (drain === null ? 'takes clients' : 'is to drain, and takes clients yet') : 'drains';
  return `${state}; ${answersMs === null ? 'does not answer' : `answers in ${answersMs.toFixed(1)} ms`}`;
}

function factsOf({ load, version, weight, region, zone }: FleetServer): string[] {
  return [
    load === null ? 'load unknown' : `load ${Math.round(load * 100)} %`,
    `weight ${weight}`,
    version === null ? 'version unknown' : `version ${version}`,
    ...[[region, zone].filter((place) => place !== '').join('/')].filter((place) => place !== ''),
  ];
}

function takeoverOf({ takes, reason }: StandbyCheck): string {
  if (takes === 'yes') return 'sessions that are sealed by this key can go on there';
  return takes === 'no'
    ? `no session can go on there: ${reason}`
    : `whether sessions can go on there is not known: ${reason}`;
}

function markOf({ atMs, by, reason }: DrainMark): string {
  const when = atMs === 0 ? '' : ` since ${new Date(atMs).toISOString()}`;
  return `to drain${when}${by === '' ? '' : ` by ${by}`}${reason === '' ? '' : `: ${reason}`}`;
}

export function capacityLines({ service, servers }: Survey, capacity: Capacity, target: number): string[] {
  const { offered, carried, used, couldGo, missing, unknown } = capacity;
  if (used === null) return [oneLine(`${service}: no server takes clients`)];
  const lines = [
    `${service}: ${percent(used)} of what ${servers.filter(({ accepting }) => accepting).length} servers offer is used ` +
      `(weight ${carried.toFixed(2)} of ${offered})`,
  ];
  if (missing > 0)
    lines.push(`${missing} more ${missing === 1 ? 'server is' : 'servers are'} missing to come below ${target} %`);
  else if (couldGo.length === 0) lines.push(`none could go: the others would be above ${target} %, or too few`);
  else lines.push(`${couldGo.length} could go, and the others stay below ${target} %: ${couldGo.join(', ')}`);
  if (unknown.length > 0) lines.push(`counted as full, because their load is unknown: ${unknown.join(', ')}`);
  return lines.map((line) => oneLine(line));
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function indented(line: string): string {
  const depth = line.length - line.trimStart().length;
  return `${' '.repeat(depth)}${oneLine(line)}`;
}
