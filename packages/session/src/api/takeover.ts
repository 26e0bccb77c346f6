import type { StreamId } from '@kwik/wire';
import type { RuntimeOptions } from './options.js';

/** The session of a client has another primary: what the application there is told of it. */
export interface Takeover {
  /** `host:port` of the server that is the primary now, as it was dialled. */
  readonly address: string;
  /** Its own name for itself; empty: it has none. */
  readonly serverId: string;
  /** `host:port` of the primary before. */
  readonly before: string;
  /**
   * Streams that were under way and have ended with ERR_KWIK_NO_PATH, in the order of their ids: the server knows nothing of
   * them. A stream with content is none of them; it is read to the end of the content.
   */
  readonly lost: readonly StreamId[];
}

/** The primary of a client is about to stop, and something is under way there that no other server can bring to its end. */
export interface Leaving {
  /** `host:port` of the standby, and the name that its certificate has: for `dial` and `trust.serverName`. */
  readonly address: string;
  readonly serverName: string;
  /** Numeric address of the primary, for `trust.namedBy`: a server sends its client to no address that it may not name. */
  readonly namedBy: string;
}

/** Where the sessions of a server go on when it is gone. */
export interface StandbyServer {
  /** `host:port`; an IPv6 host in brackets. Clients reach it as they reach a server that `addPath` names. */
  readonly address: string;
  /** Name that its certificate must have. Default: the host of `address`. */
  readonly serverName?: string;
}

/** What a server says when it is asked whether it could take sessions over. */
export interface StandbyCheck {
  /** `unknown`: it was not reached, or lets nobody ask; its clients may reach it all the same. */
  readonly takes: 'yes' | 'no' | 'unknown';
  /** Why not, in a line for people; empty for `yes`. */
  readonly reason: string;
}

/** How `checkStandby` asks. */
export interface CheckStandbyOptions extends Pick<TakeoverOptions, 'fleetKeys' | 'ticketLifeMs'> {
  readonly runtime?: RuntimeOptions;
  /** Nobody waits for the answer any more: it is `unknown`. */
  readonly signal?: AbortSignal;
}

/** How sessions survive their primary. */
export interface TakeoverOptions {
  /**
   * What the servers of the fleet share and nobody else has: 32 secret random bytes each, four at the most. The first one seals
   * sessions; those behind it still open what was sealed before the keys were changed. Whoever has one can be the primary of every
   * session of the fleet.
   */
  readonly fleetKeys: readonly Uint8Array[];
  /**
   * Where sessions go on; asked again with each ticket. Absent, or undefined: nowhere. Without one of its own a server still
   * takes over what others name it for.
   */
  readonly standby?: StandbyServer | (() => StandbyServer | undefined | Promise<StandbyServer | undefined>);
  /**
   * The server that `standby` gives says that it could take no session over, for the reason given in a line: clients are not sent there.
   * It is asked before the first client is told of it, and every 30 s. Called again when it could meanwhile.
   */
  readonly onStandbyUnable?: (server: StandbyServer, reason: string) => void;
  /** So long the standby takes what the client has of a session, milliseconds; a third of it later it gets anew. Default: 60,000. */
  readonly ticketLifeMs?: number;
}
