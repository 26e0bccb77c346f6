import { arrivalMs, candidates, isSendable } from '@kwik/scheduler';
import type { DataPlane } from '../../core/data/data-plane.js';
import type { PathId, PathSnapshot } from '@kwik/wire';

/** While streams wait, datagrams may be so many bytes ahead of them, and no more. */
const MAX_LEAD_BYTES = 4096;
/** Datagrams sent before streams get their turn. */
const MAX_PER_TURN = 64;

/** A path as datagrams see it: how it is, and what writes a packet to it. */
export interface DatagramPath {
  readonly id: PathId;
  /** As it is now. */
  snapshot(): PathSnapshot;
  /** False when the path did not take it. */
  write(packet: Uint8Array): boolean;
}

/**
 * Sends datagrams, each on the path on which it arrives first of those that take something now, and its copy on the next. One
 * that no path takes waits until its deadline. While streams wait, both have as much of what the paths carry.
 */
export class DatagramSender {
  readonly #plane: DataPlane;
  /** Bytes of datagrams that went out beyond those of streams, while these waited. */
  #leadBytes = 0;
  /** Of streams, when datagrams were sent last. */
  #streamBytes = 0;

  constructor(plane: DataPlane) {
    this.#plane = plane;
  }

  run(paths: readonly DatagramPath[], now: number): void {
    const { datagrams, turns, sentStreamBytes } = this.#plane;
    const streamed = sentStreamBytes - this.#streamBytes;
    this.#streamBytes = sentStreamBytes;
    this.#leadBytes = turns.empty ? 0 : Math.max(0, this.#leadBytes - streamed);
    const full = new Set<PathId>();
    for (let count = 0; count < MAX_PER_TURN && this.#leadBytes <= MAX_LEAD_BYTES; count++) {
      const datagram = datagrams.peek(now);
      const open = paths.filter((path) => isSendable(path.snapshot()) && !full.has(path.id));
      if (datagram === undefined || open.length === 0) return;
      let sent = false;
      for (const path of soonest(open, datagram.data.length, datagram.copies)) {
        const packet = this.#plane.pollDatagram(path.id, datagram, now);
        if (packet === undefined || !path.write(packet)) full.add(path.id);
        else sent = true;
      }
      if (!sent) continue;
      datagrams.shift();
      if (!turns.empty) this.#leadBytes += datagram.data.length * datagram.copies;
    }
  }
}

function soonest(paths: readonly DatagramPath[], bytes: number, count: number): DatagramPath[] {
  const healthy = candidates(
    { exclude: [] },
    paths.map((path) => path.snapshot()),
  );
  const arrivals = new Map(healthy.map((snapshot) => [snapshot.id, arrivalMs(snapshot, bytes)]));
  return paths
    .filter(({ id }) => arrivals.has(id))
    .sort((a, b) => arrivals.get(a.id)! - arrivals.get(b.id)!)
    .slice(0, count);
}
