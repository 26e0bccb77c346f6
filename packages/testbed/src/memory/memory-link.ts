import type { Clock, TimerHandle } from '@kwik/wire';

import type { LinkStats } from '../link/emulated-link.js';
import { LinkModel } from '../link/link-model.js';
import {
  applyOptions,
  resolveShape,
  type LinkDirection,
  type LinkDirectionOptions,
  type LinkShape,
} from '../link/link-options.js';
import type { RandomSource } from '../random/seeded-random.js';

/** Something on its way, and what happens when it arrives. */
type Delivery = () => void;

/** Says which streams of the link's connections are held back: by id, and by the side that would hear of them. */
export type StreamFilter = (streamId: number, receiver: 'client' | 'server') => boolean;

/** What a stalled direction keeps; the rest is lost, as in any buffer that is full. */
const MAX_STALLED = 1024;

/** A link of a `MemoryNetwork`; several connections may share it. The same model as `Link`, on the network's clock. */
export class MemoryLink {
  readonly name: string;
  readonly #clock: Clock;
  readonly #models: Readonly<Record<LinkDirection, LinkModel<Delivery>>>;
  #timer: TimerHandle | undefined;
  #armedForMs = Infinity;
  #connections = 0;
  /** What arrived at the end of a direction that is stalled, in order. */
  readonly #stalled: Record<LinkDirection, Delivery[] | undefined> = { up: undefined, down: undefined };
  #held: StreamFilter | undefined;
  readonly #onRelease = new Set<() => void>();

  constructor(name: string, shape: LinkShape, clock: Clock, random: RandomSource) {
    this.name = name;
    this.#clock = clock;
    const { up, down } = resolveShape(shape);
    this.#models = { up: new LinkModel(up, random.fork('up')), down: new LinkModel(down, random.fork('down')) };
  }

  /** Connections that use the link now. */
  get connections(): number {
    return this.#connections;
  }

  /** As `EmulatedLink.configure`. */
  configure(direction: LinkDirection | 'both', options: LinkDirectionOptions): void {
    for (const one of each(direction)) {
      const model = this.#models[one];
      model.configure(applyOptions(model.settings, options), this.#clock.now());
    }
    this.#arm();
  }

  /** Silence: nothing gets through until `heal`, and what is inside is lost. Default both. */
  cut(direction: LinkDirection | 'both' = 'both'): void {
    for (const one of each(direction)) this.#models[one].cut(this.#clock.now());
  }

  heal(direction: LinkDirection | 'both' = 'both'): void {
    for (const one of each(direction)) this.#models[one].heal();
  }

  isCut(direction: LinkDirection): boolean {
    return this.#models[direction].isCut;
  }

  /** Nothing arrives until `resume`, and then everything at once: a radio that sleeps, a full buffer on the way. */
  stall(direction: LinkDirection | 'both' = 'both'): void {
    for (const one of each(direction)) this.#stalled[one] ??= [];
  }

  resume(direction: LinkDirection | 'both' = 'both'): void {
    for (const one of each(direction)) {
      const late = this.#stalled[one] ?? [];
      this.#stalled[one] = undefined;
      // Each in a turn of its own, as if the datagrams came one by one.
      for (const deliver of late) this.#clock.schedule(0, deliver);
    }
  }

  /**
   * Streams for which `filter` holds deliver nothing until they are let go (`undefined`), as when just their datagrams
   * are lost again and again; all others go on. One filter at a time.
   */
  holdStreams(filter: StreamFilter | undefined): void {
    this.#held = filter;
    for (const tell of [...this.#onRelease]) tell();
  }

  /** For the network's own use: whether the stream may not deliver now. */
  holds(streamId: number, receiver: 'client' | 'server'): boolean {
    return this.#held?.(streamId, receiver) === true;
  }

  /** For the network's own use: called when other streams are held than before. Returns what ends that. */
  onRelease(listener: () => void): () => void {
    this.#onRelease.add(listener);
    return () => void this.#onRelease.delete(listener);
  }

  stats(): LinkStats {
    return { up: this.#models.up.stats(), down: this.#models.down.stats() };
  }

  /** For the network's own use: the model of a direction. */
  model(direction: LinkDirection): LinkModel<unknown> {
    return this.#models[direction];
  }

  /** For the network's own use. `deliver` is called from a timer, never at once, perhaps twice, perhaps never. */
  send(direction: LinkDirection, bytes: number, deliver: Delivery): void {
    this.#models[direction].enqueue(deliver, bytes, this.#clock.now());
    this.#arm();
  }

  /** For the network's own use: a connection begins (1) or ends (-1). */
  share(change: 1 | -1): void {
    this.#connections += change;
  }

  #arm(): void {
    const nextMs = Math.min(this.#models.up.nextEventMs(), this.#models.down.nextEventMs());
    if (nextMs >= this.#armedForMs) return;
    this.#timer?.cancel();
    this.#armedForMs = nextMs;
    this.#timer = this.#clock.schedule(Math.max(0, nextMs - this.#clock.now()), () => this.#run(nextMs));
  }

  #run(dueMs: number): void {
    this.#armedForMs = Infinity;
    // The sum of now and a difference may fall short of the time meant by a rounding error.
    const now = Math.max(dueMs, this.#clock.now());
    for (const direction of ['up', 'down'] as const) {
      const model = this.#models[direction];
      for (let deliver = model.dequeue(now); deliver !== undefined; deliver = model.dequeue(now)) {
        this.#deliver(direction, deliver);
      }
    }
    this.#arm();
  }

  #deliver(direction: LinkDirection, deliver: Delivery): void {
    const stalled = this.#stalled[direction];
    if (stalled === undefined) deliver();
    else if (stalled.length < MAX_STALLED) stalled.push(deliver);
  }
}

function each(direction: LinkDirection | 'both'): LinkDirection[] {
  return direction === 'both' ? ['up', 'down'] : [direction];
}
