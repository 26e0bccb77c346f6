import type { ProcessDiagnostics } from '@kwik/quic';
import type { proto } from '@kwik/wire';
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
}

/** Opens a session with a relay of the client's own. */
export type DialRelay = (choice: RelayChoice, specials: DialSpecials) => Promise<ClientSession>;
