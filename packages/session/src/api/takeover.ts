import type { StreamId } from '@kwik/wire';

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

/** Where the sessions of a server go on when it is gone. */
export interface StandbyServer {
  /** `host:port`; an IPv6 host in brackets. Clients reach it as they reach a server that `addPath` names. */
  readonly address: string;
  /** Name that its certificate must have. Default: the host of `address`. */
  readonly serverName?: string;
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
  /** So long the standby takes what the client has of a session, milliseconds; a third of it later it gets anew. Default: 60,000. */
  readonly ticketLifeMs?: number;
}
