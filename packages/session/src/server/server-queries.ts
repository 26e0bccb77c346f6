import type { ReplyTo } from '@kwik/kcp';
import {
  CONTROL_LIMITS,
  KwikError,
  proto,
  type ServerCapability,
  type ServerDirectory,
  type ServerRecord,
} from '@kwik/wire';
import type { Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';

/** An answer stays small beside what else a control stream carries. */
const MAX_SERVERS = 64;
/** Questions that a session may ask at once; one more each second. */
const QUESTIONS_AT_ONCE = 10;
const MS_PER_QUESTION = 1000;

const CAPABILITY: ReadonlyMap<proto.Capability, ServerCapability> = new Map([
  [proto.Capability.REPLICA, 'replica'],
  [proto.Capability.RELAY, 'relay'],
  [proto.Capability.CONTRIBUTE, 'contribute'],
  [proto.Capability.RAW, 'raw'],
] as const);

export interface ServerQueriesOptions {
  readonly directory: ServerDirectory;
  /** Throws ERR_KWIK_PERMISSION_DENIED for a client that may not ask. */
  readonly require: () => void;
}

/**
 * Tells the client of a primary which servers it would choose: within 2 s, for so long a directory waits for its sources at the
 * most (V4.3). At a bounded rate, and to those who may ask.
 */
export class ServerQueries implements Feature {
  readonly handlers: NonNullable<Feature['handlers']>;
  readonly #session: SessionContext;
  readonly #options: ServerQueriesOptions;
  #left = QUESTIONS_AT_ONCE;
  #refilledMs: number;

  constructor(session: SessionContext, options: ServerQueriesOptions) {
    this.#session = session;
    this.#options = options;
    this.#refilledMs = session.clock.now();
    this.handlers = { serverQuery: (_path, query) => this.#answer(query) };
  }

  async #answer({ capabilities, region, limit }: proto.ServerQuery): Promise<ReplyTo<'serverQuery'>> {
    this.#requireTurn();
    this.#options.require();
    const named = capabilities.map((capability) => CAPABILITY.get(capability));
    const wanted = named.filter((name) => name !== undefined);
    // Of a capability that no server of a service announces there is none.
    const servers = wanted.length < named.length ? [] : await this.#chosen(wanted, region);
    const most = limit === 0 ? MAX_SERVERS : Math.min(MAX_SERVERS, limit);
    return { $case: 'serverList', value: { servers: servers.map(announcementOf).filter(fits).slice(0, most) } };
  }

  async #chosen(capabilities: readonly ServerCapability[], region: string): Promise<ServerRecord[]> {
    const { directory } = this.#options;
    const request = { capabilities, count: MAX_SERVERS, ...(region !== '' && { region }) };
    const { chosen } = await this.#session.callbacks.tell('directory', () => directory.select(request));
    return chosen.slice(0, MAX_SERVERS).map(({ record }) => record);
  }

  #requireTurn(): void {
    const now = this.#session.clock.now();
    this.#left = Math.min(QUESTIONS_AT_ONCE, this.#left + (now - this.#refilledMs) / MS_PER_QUESTION);
    this.#refilledMs = now;
    if (this.#left < 1) throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'a client asks for servers once a second');
    this.#left -= 1;
  }
}

function announcementOf({ serverId, addresses, capabilities, weight, region }: ServerRecord): proto.ServerAnnouncement {
  const known = [...CAPABILITY].flatMap(([value, name]) => (capabilities.includes(name) ? [value] : []));
  return {
    serverId,
    address: addresses[0] ?? '',
    capabilities: known,
    weight,
    region,
    ttlMs: 0,
    attributes: new Map(),
  };
}

/** Sources may say more than a message of the protocol holds; whoever does is left out. */
function fits({ serverId, address, region }: proto.ServerAnnouncement): boolean {
  const within = (text: string, bytes: number): boolean => Buffer.byteLength(text) <= bytes;
  return (
    within(serverId, CONTROL_LIMITS.serverIdBytes) &&
    within(address, CONTROL_LIMITS.addressBytes) &&
    within(region, CONTROL_LIMITS.regionBytes)
  );
}
