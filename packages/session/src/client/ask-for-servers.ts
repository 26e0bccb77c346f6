import { KwikError, proto } from '@kwik/wire';
import type { PathCapability, Session } from '../api/session.js';
import { ClientSession } from './client-session.js';

/** The primary answers within 2 s; the rest is for the way. */
const ANSWER_MS = 5000;

const CAPABILITIES: Readonly<Record<PathCapability, proto.Capability>> = {
  replica: proto.Capability.REPLICA,
  relay: proto.Capability.RELAY,
  contribute: proto.Capability.CONTRIBUTE,
  raw: proto.Capability.RAW,
};

export interface ServerQuestion {
  /** What each of them must offer, all of it. Default: whatever. */
  readonly capabilities?: readonly PathCapability[];
  /** Where it must stand. Default: anywhere. */
  readonly region?: string;
  /** From 1 to 64; default 64. */
  readonly limit?: number;
}

/** A server that a primary knows of. Its word is where to ask, and no reason to trust whoever answers there. */
export interface TellableServer {
  /** Empty: it has no name of its own. */
  readonly serverId: string;
  /** `host:port`. */
  readonly address: string;
  readonly capabilities: readonly PathCapability[];
  readonly region: string;
  /** Its share among equals. */
  readonly weight: number;
}

/**
 * Asks the primary of a client's session which servers it would choose, the best first. Rejects with ERR_KWIK_UNSUPPORTED where
 * the primary has no `directory`, ERR_KWIK_PERMISSION_DENIED for a client that may not ask, ERR_KWIK_LIMIT_EXCEEDED for one that
 * asks more than once a second, ERR_KWIK_TIMEOUT after 5 s, and as the session ended.
 */
export async function askForServers(session: Session, question: ServerQuestion = {}): Promise<TellableServer[]> {
  if (!(session instanceof ClientSession)) {
    throw new KwikError(
      'ERR_KWIK_INVALID_ARGUMENT',
      'askForServers is for the session of a client, as dial returns it',
    );
  }
  const { capabilities = [], region = '', limit = 0 } = question;
  const { engine } = session;
  engine.assertOpen();
  const path = engine.controlPath;
  if (path === undefined) throw new KwikError('ERR_KWIK_NO_PATH', 'the primary cannot be asked now');
  const value = { capabilities: capabilities.map((name) => CAPABILITIES[name]), region, limit };
  const answer = await path.request('serverQuery', value, ANSWER_MS);
  return answer.value.servers.map(tellable);
}

function tellable({ serverId, address, capabilities, region, weight }: proto.ServerAnnouncement): TellableServer {
  const names = Object.entries(CAPABILITIES) as [PathCapability, proto.Capability][];
  const offered = names.flatMap(([name, value]) => (capabilities.includes(value) ? [name] : []));
  return { serverId, address, capabilities: offered, region, weight };
}
