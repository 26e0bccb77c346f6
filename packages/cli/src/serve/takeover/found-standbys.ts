import type { StandbyServer } from '@kwik/session';
import {
  KwikError,
  type ChosenServer,
  type SelectionResult,
  type ServerCapability,
  type ServerDirectory,
  type ServerRecord,
} from '@kwik/wire';
import type { FoundServers, StandbyCandidate } from './standbys.js';

/** Servers that are looked at; one that answers is enough. */
const MAX_FOUND = 4;
/** Of one server, such as one of IPv4 and one of IPv6. */
const MAX_ADDRESSES = 2;
const MAX_REASONS = 3;

export interface FoundStandbysOptions {
  readonly directory: ServerDirectory;
  /** This server has files: its standby must have copies of them. */
  readonly hasFiles: boolean;
  /** Where this server stands; empty when not said. */
  readonly zone: string;
  /** Ids and addresses of this server. */
  readonly own: () => readonly string[];
}

/** Servers of a service that take over sessions of the others, as discovery knows them; those of another zone come first. */
export class FoundStandbys implements FoundServers {
  readonly #options: FoundStandbysOptions;
  readonly #capabilities: readonly ServerCapability[];

  constructor(options: FoundStandbysOptions) {
    this.#options = options;
    this.#capabilities = options.hasFiles ? ['primary', 'replica', 'takeover'] : ['primary', 'takeover'];
  }

  async candidates(current: string | undefined): Promise<readonly StandbyCandidate[] | string> {
    const { directory, own } = this.#options;
    const request = { capabilities: this.#capabilities, exclude: own(), count: MAX_FOUND, apart: true };
    let selection: SelectionResult;
    try {
      selection = await directory.select(request);
    } catch (error) {
      // Clients would be told that there is none: what is known of the one that there was still holds.
      const still = this.#still(current);
      return still === undefined ? KwikError.from(error).message : [still];
    }
    const found = this.#otherZonesFirst(selection.chosen).flatMap(candidatesOf);
    const still = this.#still(current);
    if (still !== undefined) return [still, ...found.filter(({ server }) => server.address !== current)];
    return found.length > 0 ? found : this.#whyNone(selection);
  }

  suits(address: string): boolean {
    const record = this.#options.directory.find(address);
    if (record?.accepting !== true) return false;
    return this.#capabilities.every((capability) => record.capabilities.includes(capability));
  }

  #still(current: string | undefined): StandbyCandidate | undefined {
    if (current === undefined || !this.suits(current)) return undefined;
    const { serverName } = this.#options.directory.find(current)!;
    return { server: serverAt(current, serverName), reason: 'it takes sessions over as before' };
  }

  observe(address: string, rttMs: number | undefined): void {
    const error = new KwikError('ERR_KWIK_CONNECT_FAILED', 'it does not answer');
    this.#options.directory.observe(
      address,
      rttMs === undefined ? { kind: 'failure', error } : { kind: 'success', rttMs },
    );
  }

  /** A zone fails as a whole. Priority counts before that. */
  #otherZonesFirst(chosen: readonly ChosenServer[]): ChosenServer[] {
    const { zone } = this.#options;
    const isHere = ({ record }: ChosenServer): number => Number(zone !== '' && record.zone === zone);
    return [...chosen].sort((one, other) => one.record.priority - other.record.priority || isHere(one) - isHere(other));
  }

  #whyNone({ rejected, notes }: SelectionResult): string {
    const { directory, own } = this.#options;
    const { service } = directory;
    const others = rejected
      .filter(({ record }) => ![record.serverId, ...record.addresses].some((name) => own().includes(name)))
      .map(({ record, reason }) => `${nameOf(record)}: ${reason}`);
    const why = [...others, ...notes].slice(0, MAX_REASONS);
    return `'${service}' has no other server that takes sessions over${why.length === 0 ? '' : ` (${why.join('; ')})`}`;
  }
}

function candidatesOf({ record, reason }: ChosenServer): StandbyCandidate[] {
  return record.addresses
    .slice(0, MAX_ADDRESSES)
    .map((address) => ({ server: serverAt(address, record.serverName), reason: `found: ${reason}` }));
}

function nameOf({ serverId, addresses }: ServerRecord): string {
  return serverId === '' ? (addresses[0] ?? '') : serverId;
}

function serverAt(address: string, serverName: string | undefined): StandbyServer {
  return { address, ...(serverName !== undefined && { serverName }) };
}
