import { PRIMARY_PATH_ID, type PathId } from '@kwik/wire';
import type { DataEvent } from '../core/data/data-events.js';
import { DataPlane, type DataPlaneOptions } from '../core/data/data-plane.js';
import type { SecondaryRights } from '../core/data/frame-rights.js';
import { NODE_NATIVES } from '../runtime/host/node-natives.js';
import type { TestRandom } from './random.js';

const REAL_STREAMS = 3;
export const SECONDARY_PATH_ID = 1 as PathId;

export type SmallLimits = Omit<DataPlaneOptions, 'role' | 'rangeSink' | 'natives'>;

export const LIMITS: SmallLimits = {
  streamWindowBytes: 100_000,
  pathWindowBytes: 200_000,
  sendBufferBytes: 50_000,
  maxStreams: 8,
  maxPacketBytes: 65_536,
};

export function planeOf(
  role: DataPlaneOptions['role'],
  limits: SmallLimits,
  rest: Partial<DataPlaneOptions> = {},
): DataPlane {
  return new DataPlane({ ...limits, natives: NODE_NATIVES, ...rest, role });
}

/** Adds the path at one end, with what the other end, of the same limits, announces. */
export function connect(
  plane: DataPlane,
  limits: SmallLimits,
  id: PathId = PRIMARY_PATH_ID,
  rights: SecondaryRights = { mayContribute: true, mayServe: true },
): void {
  plane.addPath(id, {
    maxBidiStreams: limits.maxStreams,
    maxUniStreams: limits.maxStreams,
    streamWindowBytes: limits.streamWindowBytes,
    pathWindowBytes: limits.pathWindowBytes,
    ...rights,
  });
}

/** All events up to now, to an application that accepts each stream at once. */
export function eventsOf(plane: DataPlane): DataEvent[] {
  const events: DataEvent[] = [];
  for (let event = plane.nextEvent(); event !== undefined; event = plane.nextEvent()) {
    if (event.kind === 'opened') plane.accept(event.stream);
    events.push(event);
  }
  return events;
}

interface Lane {
  readonly from: DataPlane;
  readonly to: DataPlane;
  readonly realStream: number;
  bytes: Uint8Array;
}

/**
 * A connection between two data planes in memory: each packet takes one of several real streams, each of which keeps
 * its own order, and arrives in chunks of any length.
 */
export class DataLink {
  readonly #random: TestRandom;
  readonly #path: PathId;
  readonly #lanes: Lane[] = [];

  constructor(random: TestRandom, a: DataPlane, b: DataPlane, path: PathId = PRIMARY_PATH_ID) {
    this.#random = random;
    this.#path = path;
    for (let realStream = 0; realStream < REAL_STREAMS; realStream++) {
      this.#lanes.push({ from: a, to: b, realStream, bytes: new Uint8Array(0) });
      this.#lanes.push({ from: b, to: a, realStream, bytes: new Uint8Array(0) });
    }
  }

  /** One end sends a packet of about `maxBytes`; its length, 0 when it had none to send. */
  send(maxBytes: number, now: number): number {
    const lane = this.#random.pick(this.#lanes);
    const nothing = lane.from.hasNothingFor(this.#path, now);
    const packet = lane.from.pollPacket(this.#path, maxBytes, now);
    if (packet === undefined) return 0;
    if (nothing) throw new Error('a path that had nothing to send sent a packet');
    lane.bytes = Buffer.concat([lane.bytes, packet]);
    return packet.length;
  }

  /** Some of what waits in one real stream arrives. */
  deliver(maxBytes: number, now: number): void {
    const lane = this.#random.pick(this.#lanes);
    if (lane.bytes.length === 0) return;
    const length = Math.min(lane.bytes.length, this.#random.between(1, maxBytes));
    // A copy, since what is given to a plane is its own.
    const chunk = new Uint8Array(lane.bytes.subarray(0, length));
    lane.bytes = lane.bytes.subarray(length);
    lane.to.handleChunk(this.#path, lane.realStream, chunk, now);
  }
}
