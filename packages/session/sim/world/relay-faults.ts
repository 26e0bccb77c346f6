import type { LinkDirectionOptions } from '@kwik/testbed';
import type { SimulatedRelay } from '../../src/test-support/simulated-relay.js';
import { AcceptedSession } from '../../src/server/server-session.js';
import type { RelayFault } from '../plan/plan.js';
import type { SimulatedServer } from './server.js';
import type { World } from './world.js';

const MAX_EXTRA_DELAY_MS = 800;
const WELL: LinkDirectionOptions = { lossRate: 0, duplicateRate: 0, reorderRate: 0 };

/** Sets up what relays do with the datagrams that they should pass on, and its end. */
export function injectRelayFaults(world: World, servers: readonly SimulatedServer[]): void {
  for (const { server, faults } of world.plan.relays ?? []) {
    for (const fault of faults) {
      world.clock.schedule(fault.atMs, () => {
        world.trace.note(`relay ${server}: ${fault.kind} for ${fault.durationMs} ms`);
        const end = begin(fault, servers[server]!, servers);
        world.clock.schedule(fault.durationMs, () => {
          world.trace.note(`relay ${server}: ${fault.kind} is over`);
          end();
        });
      });
    }
  }
}

function begin(fault: RelayFault, server: SimulatedServer, servers: readonly SimulatedServer[]): () => void {
  const { relay } = server;
  if (relay === undefined) return () => undefined;
  switch (fault.kind) {
    case 'silence':
      relay.silence();
      return () => relay.speak();
    case 'mislead':
      relay.misleadsTo = servers.at(-1)!.address;
      relay.forget();
      return () => (relay.misleadsTo = undefined);
    case 'forget':
      relay.forget();
      return () => undefined;
    case 'drain':
      for (const session of server.sessions) if (session instanceof AcceptedSession) session.drainRelay();
      return () => undefined;
    default:
      return reshape(relay, fault);
  }
}

function reshape(relay: SimulatedRelay, { kind, severity }: RelayFault): () => void {
  relay.configure(shapeOf(kind, severity));
  const { delayMs } = relay;
  return () => relay.configure(kind === 'delay' ? { delayMs } : WELL);
}

function shapeOf(kind: RelayFault['kind'], severity: number): LinkDirectionOptions {
  switch (kind) {
    case 'alter':
      // QUIC drops what does not decrypt, and a good copy may come besides.
      return { lossRate: severity * 0.5, duplicateRate: 0.2 };
    case 'replay':
      return { duplicateRate: severity };
    case 'drop':
      return { lossRate: severity };
    case 'reorder':
      return { reorderRate: severity * 0.5, reorderDelayMs: 1 + severity * 50 };
    case 'delay':
      return { delayMs: severity * MAX_EXTRA_DELAY_MS };
    default:
      return {};
  }
}
