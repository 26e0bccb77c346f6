import type { FuzzTarget } from '../target.js';
import { CLI_TARGETS } from './cli.js';
import { DISCOVERY_TARGETS } from './discovery.js';
import { KCP_TARGETS } from './kcp.js';
import { HANDSHAKE_TARGETS } from './handshake.js';
import { QUIC_TARGETS } from './quic.js';
import { relayedDatagrams } from './relay.js';
import { SESSION_TARGETS } from './session.js';
import { sessionSequences } from './session-sequences.js';
import { WIRE_TARGETS } from './wire.js';

/** Every decoder that faces a peer. */
export const TARGETS: readonly FuzzTarget[] = [
  ...WIRE_TARGETS,
  ...KCP_TARGETS,
  ...HANDSHAKE_TARGETS,
  ...SESSION_TARGETS,
  sessionSequences,
  ...QUIC_TARGETS,
  relayedDatagrams,
  ...DISCOVERY_TARGETS,
  ...CLI_TARGETS,
];
