import type { ProcessDiagnostics } from '@kwik/quic';
import type { proto } from '@kwik/wire';
import type { EarlyData } from '../api/options.js';
import type { RelayChoice } from '../api/relays.js';
import type { Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { EngineProbe } from '../runtime/session/engine.js';
import type { ClientSession } from './client-session.js';
import type { SessionDials } from './dials/session-dials.js';

/** What `dial` never does, and tests do. */
export interface DialSpecials {
  readonly probe?: EngineProbe;
  /** Features besides those that every client has. */
  readonly features?: (session: SessionContext) => readonly Feature[];
  /** Where the session tells what happens. Default: that of the process. */
  readonly diagnostics?: ProcessDiagnostics;
  /** The server is a relay, and says that it is about to stop. */
  readonly onRelayNotice?: (notice: proto.RelayNotice) => void;
  /** Those of the session that the relay is for. Default: its own. */
  readonly dials?: SessionDials;
  /** Whether the process may take on a session more was asked before. */
  readonly hasRoom?: boolean;
  /**
   * What the first stream begins with, in place of `early` among the options: asked once, when the first hello is about to go,
   * for what is written while the connection comes about. What is too long for a hello ends the dial.
   */
  readonly early?: () => EarlyData | undefined;
}

/** Opens a session with a relay of the client's own. */
export type DialRelay = (choice: RelayChoice, specials: DialSpecials) => Promise<ClientSession>;
