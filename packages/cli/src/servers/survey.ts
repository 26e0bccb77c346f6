import type { ServiceDirectory } from '@kwik/discovery';
import type { SelectionRequest, ServerRecord } from '@kwik/wire';
import { oneLine } from '../ui/text.js';

/** Servers that are shown; the rest is counted. */
const MAX_SHOWN = 64;

export interface SurveyedServer {
  /** Its id, or its address. */
  readonly server: string;
  readonly addresses: readonly string[];
  readonly capabilities: readonly string[];
  readonly region: string;
  readonly zone: string;
  readonly tags: readonly string[];
  readonly weight: number;
  readonly priority: number;
  readonly load: number | null;
  readonly accepting: boolean;
  /** Of the program, where it says so. */
  readonly version: string | null;
  readonly serverName: string | null;
  readonly pin: string | null;
  /** The key that signed what is said; null: nobody did. */
  readonly signedBy: string | null;
  readonly chosen: boolean;
  readonly reason: string;
  /** Who says so, and for how long it has. */
  readonly facts: readonly { readonly source: string; readonly ageMs: number }[];
}

interface SurveyedSource {
  readonly name: string;
  readonly state: string;
  readonly servers: number;
  readonly failure: string | null;
  readonly problems: readonly string[];
}

/** What is known of a service at one time, and what would be chosen. */
export interface Survey {
  readonly service: string;
  /** ISO 8601. */
  readonly at: string;
  /** Those that would be chosen first. */
  readonly servers: readonly SurveyedServer[];
  /** Beyond those that are shown. */
  readonly more: number;
  readonly notes: readonly string[];
  readonly sources: readonly SurveyedSource[];
}

export function surveyOf(directory: ServiceDirectory, request: SelectionRequest, nowMs: number): Survey {
  const { chosen, rejected, notes } = directory.selectNow(request);
  const servers = [
    ...chosen.map((one) => surveyed(directory, one.record, one.reason, true)),
    ...rejected.map((one) => surveyed(directory, one.record, one.reason, false)),
  ];
  return {
    service: directory.service,
    at: new Date(nowMs).toISOString(),
    servers: servers.slice(0, MAX_SHOWN),
    more: Math.max(0, directory.registry.size - Math.min(MAX_SHOWN, servers.length)),
    notes,
    sources: directory.sources.map(({ name, state, servers: count, failure, problems }) => ({
      name,
      state,
      servers: count,
      failure: failure ?? null,
      problems,
    })),
  };
}

function surveyed(directory: ServiceDirectory, record: ServerRecord, reason: string, chosen: boolean): SurveyedServer {
  const { serverId, addresses, load, serverName, pin, signature } = record;
  const server = serverId === '' ? (addresses[0] ?? '') : serverId;
  const facts = directory.registry.get(server)?.origins ?? [];
  return {
    server,
    addresses,
    capabilities: record.capabilities,
    region: record.region,
    zone: record.zone,
    tags: record.tags,
    weight: record.weight,
    priority: record.priority,
    load: load ?? null,
    accepting: record.accepting,
    version: record.attributes.get('version') ?? null,
    serverName: serverName ?? null,
    pin: pin ?? null,
    signedBy: signature?.keyId ?? null,
    chosen,
    reason,
    facts: facts.map(({ source, foundMs }) => ({ source, ageMs: Math.round(directory.now() - foundMs) })),
  };
}

/** For people, a few lines for each server. Whatever servers and sources say is made harmless. */
export function surveyLines({ service, servers, more, notes, sources }: Survey): string[] {
  const count = servers.length + more;
  const lines = [
    `${service}: ${count === 0 ? 'no server is known' : `${count} ${count === 1 ? 'server' : 'servers'}`}`,
  ];
  for (const server of servers) {
    lines.push(
      `${server.chosen ? '+' : '-'} ${server.server}  ${server.addresses.join(' ')}`,
      `    ${server.chosen ? 'chosen' : 'not chosen'}: ${server.reason}`,
      `    ${factsOf(server)}`,
    );
  }
  if (more > 0) lines.push(`  and ${more} more`);
  for (const note of notes) lines.push(`! ${note}`);
  for (const { name, state, servers: known, failure, problems } of sources) {
    const state_ = failure === null ? state : `${state}: ${failure}`;
    lines.push(`  source ${name}: ${state_}, ${known} ${known === 1 ? 'server' : 'servers'}`);
    for (const problem of problems) lines.push(`    ${problem}`);
  }
  return lines.map((line) => indented(line));
}

function factsOf(server: SurveyedServer): string {
  const { capabilities, region, zone, tags, weight, load, accepting, version, facts } = server;
  return [
    capabilities.join(', '),
    [region, zone].filter((place) => place !== '').join('/'),
    ...tags.map((tag) => `#${tag}`),
    `weight ${weight}`,
    load === null ? '' : `load ${Math.round(load * 100)} %`,
    accepting ? '' : 'draining',
    version === null ? '' : `version ${version}`,
    ...facts.map(({ source, ageMs }) => `by ${source} ${Math.round(ageMs / 1000)} s ago`),
  ]
    .filter((part) => part !== '')
    .join('; ');
}

function indented(line: string): string {
  const depth = line.length - line.trimStart().length;
  return `${' '.repeat(depth)}${oneLine(line)}`;
}
