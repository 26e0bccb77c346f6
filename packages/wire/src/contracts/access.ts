/** What somebody may want of an end. */
export type AccessAction =
  /** A client opens a session at a server. */
  | 'open'
  /** A path joins a session at a secondary. */
  | 'join'
  /** A session asks a server for content; the resource is its key. */
  | 'content'
  /** A client has a relay forward to a target; the resource is the target's numeric `host:port`. */
  | 'forward'
  /** A primary has its client connect to a server; the resource is the numeric `host:port`. */
  | 'dial'
  /** A client asks its primary which servers there are. */
  | 'query';

/** Who asks for what. */
export interface AccessRequest {
  readonly action: AccessAction;
  /** As authentication established it; undefined: nobody in particular. */
  readonly identity?: string | undefined;
  /** Numeric address of the one who asks, without port. */
  readonly peer?: string | undefined;
  readonly sessionId?: string | undefined;
  /** The server that is asked, by its own `identity.serverId`. */
  readonly server?: string | undefined;
  /** Content key, forward target or address, as the action says. */
  readonly resource?: string | undefined;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** How much of it. */
export interface AccessLimits {
  /** Bytes in all, both directions together. */
  readonly bytes?: number;
  /** Of what a relay forwards. */
  readonly bytesPerSecond?: number;
  /** Milliseconds since 1970. */
  readonly untilMs?: number;
  /** A path that joins brings nothing but forwarding; a session is opened only where the server is a relay for clients. */
  readonly relayOnly?: boolean;
  /**
   * Where something is scarce, sessions of weight 2 get twice what those of weight 1 get, and so do their peers: a whole number, 1 to
   * 1000. Default: 1.
   */
  readonly weight?: number;
}

export type AccessDecision =
  | { readonly allowed: true; /** Name of the rule. */ readonly rule: string; readonly limits: AccessLimits }
  | { readonly allowed: false; readonly rule: string; /** One line for a person. */ readonly reason: string };

/** Decides, at once, what somebody may do. What it throws counts as a refusal. */
export interface AccessControl {
  decide(request: AccessRequest): AccessDecision;
}
