import { KwikError, PRIMARY_PATH_ID } from '@kwik/wire';
import type { RawPacket, ServerSession } from '../../src/api/session.js';
import type { RawPlan } from '../plan/plan.js';
import { bytesOf } from '../world/content-bytes.js';
import type { SimulatedServer } from '../world/server.js';
import type { World } from '../world/world.js';

/** The first byte says what a raw packet is. */
const PLAIN = 0x52;
const COMMAND = 0x43;
const DONE = 0x44;
const HEADER_BYTES = 5;

export interface ContributeCommand {
  readonly job: number;
  readonly streamId: string;
  readonly offset: number;
  readonly seed: number;
  /** Where in the bytes of `seed` the piece begins, and how many bytes there are in all. */
  readonly from: number;
  readonly of: number;
  readonly size: number;
  readonly pieceBytes: number;
}

export interface RawHandlers {
  onCommand(command: ContributeCommand): void;
  onDone(job: number): void;
}

/** Raw packets of all servers: what is sent by plan, and what arrives. */
export class RawTraffic {
  readonly #world: World;
  readonly #arrived = new Map<number, number>();
  readonly #relayed = new Set<number>();
  readonly #sent = new Set<number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Sends what the plan gives to this server. `pathTo` knows the number of the path to another server. */
  send(session: ServerSession, server: SimulatedServer, pathTo: (server: number) => number | undefined): void {
    for (const plan of this.#world.plan.raws) {
      if (plan.from !== server.plan.index) continue;
      server.process.schedule(plan.atMs, () => void this.#sendOne(session, plan, pathTo(plan.to)));
    }
  }

  async #sendOne(session: ServerSession, plan: RawPlan, pathId: number | undefined): Promise<void> {
    // A server may have several sessions, one after the other.
    if (pathId === undefined || this.#sent.has(plan.index)) return;
    this.#sent.add(plan.index);
    const data = new Uint8Array(HEADER_BYTES + plan.size);
    data[0] = PLAIN;
    new DataView(data.buffer).setUint32(1, plan.index);
    data.set(bytesOf(plan.index + 1, plan.size), HEADER_BYTES);
    try {
      await session.sendRawPacket(data.subarray(0, Math.min(data.length, MAX_RAW_BYTES)), pathId);
      this.#relayed.add(plan.index);
      this.#world.trace.note(`raw ${plan.index}: relayed to server ${plan.to}`);
    } catch (error) {
      this.#world.trace.note(`raw ${plan.index}: ${error instanceof KwikError ? error.code : String(error)}`);
      const mayFail = this.#mayFail(plan) || (error instanceof KwikError && error.code === 'ERR_KWIK_SESSION_CLOSED');
      if (!mayFail) this.#world.violate('raw packets get through', `raw ${plan.index}: ${String(error)}`);
    }
  }

  receive(session: ServerSession, server: SimulatedServer, handlers: RawHandlers): void {
    void (async () => {
      for await (const packet of session.rawPackets()) this.#onPacket(packet, server, handlers);
    })();
  }

  #onPacket({ data, from }: RawPacket, server: SimulatedServer, handlers: RawHandlers): void {
    switch (data[0]) {
      case PLAIN:
        return this.#onPlain(data, from, server);
      case COMMAND:
        // Byzantine secondaries send anything, and command nobody.
        if (from !== PRIMARY_PATH_ID) return;
        return handlers.onCommand(JSON.parse(Buffer.from(data.subarray(1)).toString()) as ContributeCommand);
      case DONE:
        return handlers.onDone(new DataView(data.buffer, data.byteOffset).getUint32(1));
      default:
        if (!this.#world.plan.servers.some(({ evil }) => evil.length > 0)) {
          this.#world.violate('raw packets are exact', `${data.length} bytes that nobody sent`);
        }
    }
  }

  #onPlain(data: Uint8Array, from: number | undefined, server: SimulatedServer): void {
    const index = new DataView(data.buffer, data.byteOffset).getUint32(1);
    const plan = this.#world.plan.raws[index];
    const size = Math.min((plan?.size ?? 0) + HEADER_BYTES, MAX_RAW_BYTES) - HEADER_BYTES;
    const exact =
      plan?.to === server.plan.index && Buffer.from(data.subarray(HEADER_BYTES)).equals(bytesOf(index + 1, size));
    if (from === undefined || (from === PRIMARY_PATH_ID) !== (plan?.from === 0)) {
      this.#world.violate('raw packets name their sender', `raw ${index} of server ${plan?.from} came from ${from}`);
    }
    if (!exact) this.#world.violate('raw packets are exact', `raw ${index} at server ${server.plan.index}`);
    const count = (this.#arrived.get(index) ?? 0) + 1;
    this.#arrived.set(index, count);
    this.#world.trace.note(`raw ${index}: arrived`);
    if (count > 1) this.#world.violate('raw packets come once', `raw ${index} came ${count} times`);
  }

  /** Packets that were relayed and have not arrived, though nothing disturbed them. */
  missing(): string[] {
    return this.#world.plan.raws
      .filter((plan) => this.#relayed.has(plan.index) && !this.#arrived.has(plan.index) && !this.#mayFail(plan))
      .map(({ index }) => `raw ${index}`);
  }

  #mayFail({ from, to }: RawPlan): boolean {
    const { expectations } = this.#world;
    return expectations.pathMayFail(from) || expectations.pathMayFail(to);
  }
}

/** As the defaults allow. */
const MAX_RAW_BYTES = 16 * 1024;

export function commandPacket(command: ContributeCommand): Uint8Array {
  return Buffer.concat([Uint8Array.of(COMMAND), Buffer.from(JSON.stringify(command))]);
}

export function donePacket(job: number): Uint8Array {
  const data = new Uint8Array(HEADER_BYTES);
  data[0] = DONE;
  new DataView(data.buffer).setUint32(1, job);
  return data;
}
