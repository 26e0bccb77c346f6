import type { ClientAuthenticator } from '@kwik/kcp';

/** A server that forwards datagrams between clients and their primaries (anchors), and can neither read nor change them. */
export interface RelayOptions {
  /**
   * Where it may forward to, whatever a token says: `host:port`, or `host` for any port. Loopback, link-local and private
   * addresses are forwarded to only when they are named here. Default: any public address that a token names.
   */
  readonly anchors?: readonly string[];
  /** The most that is forwarded for one path of a client, bytes of UDP payload of both directions. Default: 64 GiB. */
  readonly maxBytes?: number;
  /** Default: 125,000,000, a gigabit. */
  readonly maxBytesPerSecond?: number;
  /** How long after its admission, milliseconds; at least 1. Default: a day. */
  readonly maxDurationMs?: number;
  /**
   * Clients that open a session here (`auth` says whose) have datagrams forwarded to `anchors`, which must be given then,
   * without a token. So a client reaches a primary that it cannot reach directly. Default: false.
   */
  readonly forClients?: boolean;
}

/** A relay that a client chose: it must be one for clients (`relay.forClients`), and forward to the primary (`relay.anchors`). */
export interface RelayChoice {
  /** `host:port`. */
  readonly address: string;
  /** Ways to authenticate to the relay, the preferred first; those to the primary are not shown to it. Default: `none`. */
  readonly auth?: readonly ClientAuthenticator[];
}

/** What a relay may forward for a client; the relay's own limits come on top. */
export interface RelayedTraffic {
  /**
   * Where to: names of this server, `host:port`, as the relay reaches it; eight at the most. Default: the address that it
   * listens on, where that is a single one, and `identity.audiences`.
   */
  readonly anchors?: readonly string[];
  /** Bytes of UDP payload, both directions together. Default: what the relay grants. */
  readonly maxBytes?: number;
  /** Default: what the relay grants. */
  readonly maxBytesPerSecond?: number;
  /** Milliseconds from the admission of the path on. Default: what the relay grants. */
  readonly maxDurationMs?: number;
}

/** A relay that a primary brings into its sessions by itself. */
export interface NamedRelay {
  /** `host:port`. It must believe this server's tokens (`trust`), and forward to it (`relay.anchors`). */
  readonly address: string;
  /** Name to check the relay's certificate against, when it is not the host of the address. */
  readonly serverName?: string;
  /** What it may forward for each client. */
  readonly traffic?: RelayedTraffic;
}

/** What a server forwarded, since it began to listen. */
export interface RelayStats {
  /** Connections of others whose datagrams are forwarded now. */
  readonly connections: number;
  readonly forwardedDatagrams: number;
  readonly forwardedBytes: number;
  /** Datagrams of such connections that were not forwarded. */
  readonly dropped: {
    /** From another address than the client's or the anchor's. */
    readonly address: number;
    /** More a second than the client was granted. */
    readonly rate: number;
    /** More in all than the client was granted. */
    readonly bytes: number;
    /** The kernel took no more. */
    readonly congested: number;
  };
}
