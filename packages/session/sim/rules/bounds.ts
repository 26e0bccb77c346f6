import type { PathStateName } from '../../src/api/paths.js';
import type { SessionEngine } from '../../src/runtime/session/engine.js';
import { FREE_OVERHEAD_BYTES } from '../../src/core/costs/memory-ledger.js';
import { resolveLimits, type ResolvedLimits } from '../../src/limits.js';
import { trespasses } from '../plan/plan.js';
import type { World } from '../world/world.js';

const EVERY_MS = 50;
/** Bytes that are copied into messages wait in queues of their own, each bounded where it is kept. */
const MAX_CONTROL_BYTES = 1024 * 1024;
const MAX_WAITING_FRAMES = 4096;

/** Looks at all engines again and again, as long as `wanted`: memory stays within what was agreed. */
export function watchBounds(world: World, client: () => SessionEngine | undefined, wanted: () => boolean): void {
  const limits = { client: resolveLimits(world.plan.clientLimits), server: resolveLimits(world.plan.serverLimits) };
  const look = (): void => {
    if (!wanted()) return;
    for (const engine of world.engines) {
      if (engine.closeInfo === undefined) {
        checkEngine(world, engine, engine === client() ? limits.client : limits.server, client());
        checkService(world, engine);
      } else world.engines.delete(engine);
    }
    world.clock.schedule(EVERY_MS, look);
  };
  world.clock.schedule(EVERY_MS, look);
}

function checkEngine(world: World, engine: SessionEngine, limits: ResolvedLimits, client?: SessionEngine): void {
  const over = (what: string, bytes: number, most: number): void => {
    if (bytes > most) world.violate('memory is bounded', `${what}: ${bytes}, the most is ${most}`);
  };
  const { overheadBytes, heldBytes } = engine.account;
  over('the cost of pieces', overheadBytes, FREE_OVERHEAD_BYTES + heldBytes);
  let streams = 0;
  for (const { id, send, receive } of engine.streams.values()) {
    streams++;
    if (receive !== undefined) over(`received in stream ${id}`, receive.bufferedBytes, limits.streamWindowBytes);
    // The last write is accepted whole; contributions may fill gaps below what waits.
    if (send !== undefined) over(`waiting in stream ${id}`, send.queuedBytes, limits.sendBufferBytes + MAX_PIECE_BYTES);
  }
  // Bidirectional and unidirectional, of both sides.
  over('streams', streams, 2 * (limits.maxStreams + MAX_PEER_STREAMS));
  const intruders = world.plan.servers.filter(trespasses).map(({ host }) => host);
  for (const path of engine.paths.values()) {
    // Nobody grants it anything, so not one byte of it is kept for a reader.
    const intrudes = engine === client && intruders.some((host) => path.address.startsWith(`${host}:`));
    if (intrudes) over(`unauthorised bytes kept of path ${path.id}`, path.data.flowControl.heldBytes, 0);
    over(`held of path ${path.id}`, path.data.flowControl.heldBytes, limits.pathWindowBytes);
    over(`frames for path ${path.id}`, path.data.pendingFrameCount, MAX_WAITING_FRAMES);
    over(`control messages for path ${path.id}`, path.port.control?.channel.queuedBytes ?? 0, MAX_CONTROL_BYTES);
  }
}

/** What a session says of its service is true: with a path that carries data there is some, and what lacks has a reason. */
function checkService(world: World, { service: { level }, paths }: SessionEngine): void {
  const carries = [...paths.values()].some(({ alive, machine }) => alive && CARRYING.has(machine.state));
  const isTrue = carries ? level.level !== 'none' : level.level !== 'full' || paths.size === 0;
  if (!isTrue) world.violate('the level of service is true', `${level.level} (${level.reason}), carries: ${carries}`);
  if ((level.reason === '') !== (level.level === 'full')) {
    world.violate('the level of service is true', `${level.level} with the reason ${JSON.stringify(level.reason)}`);
  }
}

const CARRYING: ReadonlySet<string> = new Set<PathStateName>(['active', 'degraded', 'suspended']);

/** The largest piece of a planned contribution. */
const MAX_PIECE_BYTES = 20_000;
/** The default of the other end. */
const MAX_PEER_STREAMS = 1024;
