import type { ServerAuthenticator, ServerHandshakeResult, TokenSigner, TrustPolicy } from '@kwik/kcp';
import type { Clock } from '@kwik/wire';
import type { DiagnosticsOptions, GuardOptions, ListenOptions } from '../api/options.js';
import type { ResolvedLimits } from '../limits.js';
import type { ResolvedTimeouts } from '../options/timeouts.js';
import type { ResolvedWrites } from '../options/writes.js';
import type { Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { SessionHost } from '../runtime/host/session-host.js';
import type { EngineProbe } from '../runtime/session/engine.js';
import type { RelayAddresses } from './relay/relay-addresses.js';
import type { RelayConfig } from './relay/relay-config.js';
import type { TakeoverConfig } from './takeover/standby-tickets.js';

/** Time and chance. */
interface FactoryRuntime {
  readonly clock: Clock;
  /** Milliseconds since 1970, for what is signed and has an expiry. */
  readonly wallClockMs: () => number;
  readonly random: (bytes: number) => Uint8Array;
  /** 0 <= jitter() < 1, for the jitter of waits. Default: made of `random`. */
  readonly jitter?: (() => number) | undefined;
}

/** How this server is known to others. */
interface FactoryIdentity {
  readonly serverId: string;
  /** `host:port` names under which path tokens may name it. */
  readonly audiences: () => readonly string[];
  /** `host:port` names under which relays reach it. */
  readonly anchors: () => readonly string[];
  /** Its number among processes that share the address. */
  readonly worker?: number | undefined;
  /** Signs path tokens and content grants of a session that begins now, as long as it lasts. */
  readonly signer: TokenSigner;
}

/** Who is let in. */
interface AdmissionRules {
  /** Who may do what besides, and which servers are used. */
  readonly guard?: Pick<GuardOptions, 'access' | 'servers'> | undefined;
  readonly auth: readonly ServerAuthenticator[];
  /** Whose path tokens are believed. */
  readonly trust: TrustPolicy;
  /** Throws when there is no room for another session. */
  readonly admit: (result: ServerHandshakeResult) => void;
}

export interface SessionFactoryOptions {
  readonly runtime: FactoryRuntime;
  readonly identity: FactoryIdentity;
  readonly admission: AdmissionRules;
  readonly limits: ResolvedLimits;
  readonly timeouts: ResolvedTimeouts;
  readonly writes: ResolvedWrites;
  readonly replica: ListenOptions['replica'];
  /** What it is as a relay, if it is one. */
  readonly relay?: RelayConfig;
  /** Told of the relays that its sessions use. */
  readonly relays?: Pick<RelayAddresses, 'ofSession'>;
  readonly diagnostics?: DiagnosticsOptions | undefined;
  readonly scaling?: ListenOptions['scaling'];
  readonly directory?: ListenOptions['directory'];
  /** How its sessions survive it, and it those of others. */
  readonly takeover?: TakeoverConfig | undefined;
  readonly probe?: EngineProbe;
  /** Features besides those that every session here has. */
  readonly features?: (session: SessionContext) => readonly Feature[];
  /** Default: one of its own. */
  readonly host?: SessionHost;
}
