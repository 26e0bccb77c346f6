import { KwikError } from '@kwik/wire';
import type { LinkDirectionOptions, MemoryLink } from '@kwik/testbed';
import type { Fault } from '../plan/plan.js';
import type { SimulatedClient } from './client.js';
import type { ServerLink, SimulatedServer } from './server.js';
import type { World } from './world.js';

/** Rate of a link that is as good as unusable, bits per second. */
const TRICKLE_BPS = 200_000;
const MAX_EXTRA_DELAY_MS = 800;
const FLAPS = 4;

/** Sets all faults of the plan up, and their ends. */
export function injectFaults(world: World, servers: readonly SimulatedServer[], client: SimulatedClient): void {
  for (const fault of world.plan.faults) {
    const text = `${fault.kind} of ${fault.target === 'client' ? 'the client' : `server ${fault.target}`}`;
    world.clock.schedule(fault.atMs, () => {
      world.trace.note(`fault: ${text} (${fault.direction}, ${fault.severity.toFixed(2)}) for ${fault.durationMs} ms`);
      if (fault.target === 'client') {
        client.process.sleep(fault.durationMs);
        return;
      }
      const server = servers[fault.target]!;
      const end = begin(world, fault, server, client);
      world.clock.schedule(fault.durationMs, () => {
        world.trace.note(`healed: ${text}`);
        end();
      });
    });
  }
}

/** Begins a fault of a server; returns what ends it. */
function begin(world: World, fault: Fault, server: SimulatedServer, client: SimulatedClient): () => void {
  const { link, pristine } = server.links[fault.home]!;
  const { direction, severity, durationMs } = fault;
  switch (fault.kind) {
    case 'cut':
      link.cut();
      return () => link.heal();
    case 'one-way': {
      const one = direction === 'both' ? 'down' : direction;
      link.cut(one);
      return () => link.heal(one);
    }
    case 'flap':
      return flap(world, link, durationMs);
    case 'stall':
      link.stall(direction);
      return () => link.resume(direction);
    case 'mute':
      link.holdStreams((id) => id === 0);
      return () => link.holdStreams(undefined);
    case 'shuffle':
      link.holdStreams((id) => (id & 2) !== 0 && (id >> 2) % 2 === 1);
      return () => link.holdStreams(undefined);
    case 'crash':
      server.crash();
      return () => {
        if (!world.processes.has(server.plan.host)) server.start();
      };
    case 'usurp':
      server.usurp();
      return () => {
        if (!world.processes.has(server.plan.host)) server.start();
      };
    case 'sleep':
      server.process.sleep(durationMs);
      server.relay?.stall();
      return () => server.relay?.resume();
    case 'break':
      breakConnection(world, server, client, severity);
      return () => undefined;
    default:
      return reshape({ link, pristine }, direction, shapeOf(fault));
  }
}

function flap(world: World, link: MemoryLink, durationMs: number): () => void {
  const turnMs = durationMs / (2 * FLAPS);
  for (let turn = 0; turn < FLAPS; turn++) {
    world.clock.schedule(turn * 2 * turnMs, () => link.cut());
    world.clock.schedule((turn * 2 + 1) * turnMs, () => link.heal());
  }
  return () => link.heal();
}

function breakConnection(world: World, server: SimulatedServer, client: SimulatedClient, severity: number): void {
  const error = new KwikError('ERR_KWIK_PATH_DEAD', 'the network interface went away');
  const near =
    severity < 0.5 ? server.transports : client.transports.filter((each) => each.remote.address === server.plan.host);
  for (const transport of near) if (!transport.closed) world.network.fail(transport, error);
}

function reshape(
  { link, pristine }: ServerLink,
  direction: Fault['direction'],
  options: LinkDirectionOptions,
): () => void {
  const mended = Object.keys(options) as (keyof LinkDirectionOptions)[];
  link.configure(direction, options);
  return () => {
    for (const one of ['up', 'down'] as const) {
      // Only what this fault changed: others may still be at work. As it was in the beginning, for faults overlap.
      const old = Object.fromEntries(mended.map((key) => [key, pristine[one][key]]));
      link.configure(one, old);
    }
  };
}

function shapeOf({ kind, severity }: Fault): LinkDirectionOptions {
  switch (kind) {
    case 'loss':
      return { lossRate: severity * 0.5 };
    case 'burst':
      return { burstLoss: { enterRate: 0.05 * severity, leaveRate: 0.3 } };
    case 'reorder':
      return { reorderRate: severity * 0.5, reorderDelayMs: 1 + severity * 50 };
    case 'duplicate':
      return { duplicateRate: severity };
    case 'corrupt':
      return { lossRate: severity * 0.3, duplicateRate: 0.2 };
    case 'slow':
      return { rateBitsPerSecond: TRICKLE_BPS };
    case 'delay':
      return { delayMs: severity * MAX_EXTRA_DELAY_MS };
    default:
      return {};
  }
}
