import { ClientHandshake, deriveSessionKeys, TICKET_ID_BYTES, type SessionKeys, type SessionTickets } from '@kwik/kcp';
import {
  KwikError,
  PRIMARY_PATH_ID,
  proto,
  sessionIdFromBytes,
  type Clock,
  type ErrorCode,
  type PathTransport,
  type SessionId,
} from '@kwik/wire';
import type { StandbyCheck, StandbyServer } from '../../api/takeover.js';
import { shakeHands, type HandshakeSteps } from '../../client/client-handshake.js';
import type { Connector } from '../../client/connector.js';
import { helloTo } from '../../client/client-hello.js';
import { parseTarget } from '../../client/target.js';
import { resolveLimits } from '../../limits.js';

const TIMEOUT_MS = 3000;
const IDLE_MS = 10_000;
const NOTHING = new Uint8Array(0);

/** What a server says that could take over no session that is sealed here, in words for people. */
const UNABLE: Partial<Record<ErrorCode, string>> = {
  ERR_KWIK_TOKEN_INVALID: 'it cannot open what this server seals: their fleet keys are not the same',
  ERR_KWIK_TOKEN_EXPIRED: 'what this server seals is not in its time there: the clocks of the two are too far apart',
  ERR_KWIK_SESSION_NOT_FOUND: 'it takes no sessions over: it has no fleet key',
};

export interface AskStandby {
  readonly tickets: SessionTickets;
  /** How long what is sealed lives. */
  readonly lifeMs: number;
  /** Accepts any certificate: what is shown is worth nothing, and nothing of what is said is believed to a client's harm. */
  readonly connector: Connector;
  readonly clock: Clock;
  readonly wallClockMs: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Shows the server a session that there is not, sealed as those that there are. One that can open it asks for the proof that the session
 * is the bearer's, which is not given: no session begins. Never rejects. Closes the connector.
 */
export async function askStandby(server: StandbyServer, { connector, ...how }: AskStandby): Promise<StandbyCheck> {
  try {
    const { host, port } = parseTarget(server.address);
    const serverName = server.serverName ?? host;
    const transport = await connector.connect(
      { host, port },
      { timeoutMs: TIMEOUT_MS, serverName, signal: how.signal },
    );
    await showTicket(transport, server.address, how);
    return { takes: 'yes', reason: '' };
  } catch (thrown) {
    const { code, message } = KwikError.from(thrown, 'ERR_KWIK_CONNECT_FAILED');
    const reason = UNABLE[code];
    return reason === undefined ? { takes: 'unknown', reason: message } : { takes: 'no', reason };
  } finally {
    await connector.close().catch(() => undefined);
  }
}

async function showTicket(
  transport: PathTransport,
  address: string,
  { tickets, lifeMs, clock, wallClockMs, random, signal }: Omit<AskStandby, 'connector'>,
): Promise<void> {
  const keys = deriveSessionKeys(sessionIdFromBytes(random(16)), random(32));
  const fields = {
    keys,
    ticketId: random(TICKET_ID_BYTES),
    expiresMs: wallClockMs() + lifeMs,
    grantKeys: [],
    primary: '',
    takeovers: 0,
  };
  const ticket = tickets.seal(fields, random)!;
  const { port } = await shakeHands(transport, stepsUntilAsked(transport, keys, ticket), clock, {
    timeoutMs: TIMEOUT_MS,
    address,
    signal,
  });
  port.close(0, 'it was only asked');
}

/** They are over when the server asks for the proof. */
function stepsUntilAsked(
  transport: PathTransport,
  keys: SessionKeys,
  ticket: Uint8Array,
): HandshakeSteps<{ readonly sessionId: SessionId }> {
  const takeover = proto.Takeover.fromPartial({ ticket, nextPathId: 1 });
  const purpose = { kind: 'join', keys, pathId: PRIMARY_PATH_ID, token: NOTHING, audience: '', takeover } as const;
  const hello = helloTo(transport, { auth: undefined, limits: resolveLimits({}), idleMs: IDLE_MS, compresses: false });
  const handshake = new ClientHandshake({ purpose, ...hello });
  return {
    start: () => handshake.start(),
    handle: (body) =>
      body.$case === 'authChallenge' ? { done: { sessionId: keys.sessionId } } : handshake.handle(body),
  };
}
