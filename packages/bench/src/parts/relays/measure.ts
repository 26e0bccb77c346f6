import { LinkHost, RelayGate, SeededRandom, type EmulatedLink } from '@kwik/testbed';
import { makeCredentials } from '../../harness/certificates.js';
import type { ChildHandle, Children } from '../../harness/children.js';
import { longestGapMs } from '../../links/count.js';
import { shapeOf } from '../../links/link-bed.js';
import { type Arrival, nowMs } from '../../links/messages.js';
import type { calls, SeenPath } from './child.js';
import { RATE_MBIT, type Schedule, type Setting } from './settings.js';

const CHILD = new URL('./child.js', import.meta.url);
const RELAYS = 2;
const HOST = '127.0.0.1';
/** A relay that was lost is looked for after waits that double up to 30 s. */
const BACK_MS = 60_000;
const LOOK_EVERY_MS = 50;

/** What the program waited for at most, milliseconds: before something happened to a relay, and from then on. */
export interface Strike {
  readonly quietMs: number;
  readonly gapMs: number;
}

export interface Measured {
  readonly setting: Setting;
  /** A relay fell silent. */
  readonly silent: readonly Strike[];
  /** A relay let its clients go, and stopped. */
  readonly drained: readonly Strike[];
}

type Child = ChildHandle<typeof calls>;

interface Moment {
  readonly quietFromMs: number;
  readonly atMs: number;
  readonly untilMs: number;
}

/** Two relays, by way of which alone a server is reached, each behind an emulated link; and a program. */
export class RelayStage implements AsyncDisposable {
  readonly #host: LinkHost;
  readonly #gate: RelayGate;
  readonly #links: readonly EmulatedLink[];
  readonly #relays: readonly Child[];
  readonly #server: Child;
  readonly #program: Child;
  readonly #caPem: string;

  private constructor(
    parts: { host: LinkHost; gate: RelayGate; links: EmulatedLink[]; relays: Child[]; server: Child },
    program: Child,
    caPem: string,
  ) {
    this.#host = parts.host;
    this.#gate = parts.gate;
    this.#links = parts.links;
    this.#relays = parts.relays;
    this.#server = parts.server;
    this.#program = program;
    this.#caPem = caPem;
  }

  /** The processes are the children's to end. */
  static async build(children: Children, rttMs: number): Promise<RelayStage> {
    const credentials = await makeCredentials();
    const start = (label: string): Child => children.start<typeof calls>(CHILD, { label });
    const relays = Array.from({ length: RELAYS }, (_, index) => start(`relay ${index}`));
    const ports = await Promise.all(relays.map(async (relay) => (await relay.call('relay', credentials)).port));
    const server = start('server');
    const { port } = await server.call('serve', credentials);
    const gate = await RelayGate.open(port, ports);
    const host = LinkHost.start({ isolated: true });
    const shape = shapeOf({ rateMbit: RATE_MBIT, delayMs: rttMs / 2 });
    const links = await Promise.all(
      ports.map((each, index) => host.create({ ...shape, target: { host: HOST, port: each }, seed: index + 1 })),
    );
    return new RelayStage({ host, gate, links, relays, server }, start('program'), credentials.caPem);
  }

  async measure(setting: Setting, schedule: Schedule, seed: number): Promise<Measured> {
    const random = new SeededRandom(seed);
    const relays = this.#links.map((link) => link.address());
    const { kind } = setting.load;
    await this.#program.call('program', { port: this.#gate.port, relays, caPem: this.#caPem, kind });
    const silent: Moment[] = [];
    for (let count = 0; count < schedule.cuts; count += 1) {
      const link = this.#links[random.below(RELAYS)]!;
      const moment = await this.#quiet(schedule, random, () => link.cut());
      await wait(schedule.downMs);
      link.heal();
      silent.push({ ...moment, untilMs: await this.#whole() });
    }
    const drained: Moment[] = [];
    for (let count = 0; count < schedule.drains; count += 1) {
      const relay = this.#relays[random.below(RELAYS)]!;
      let drain: Promise<void> | undefined;
      const moment = await this.#quiet(schedule, random, () => (drain = relay.call('drain', undefined)));
      await drain;
      drained.push({ ...moment, untilMs: await this.#whole() });
    }
    const { arrivals, error } = await this.#program.call('stop', undefined);
    if (error !== undefined) throw new Error(`the program's socket had an error: ${error}`);
    return { setting, silent: strikes(arrivals, silent), drained: strikes(arrivals, drained) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gate.close();
    await this.#host.close();
  }

  /** Something happens after a while in which nothing did. */
  async #quiet(
    { quietMs, randomMs }: Schedule,
    random: SeededRandom,
    strike: () => unknown,
  ): Promise<Omit<Moment, 'untilMs'>> {
    const quietFromMs = await this.#whole();
    await wait(quietMs + random.float() * randomMs);
    const atMs = nowMs();
    strike();
    return { quietFromMs, atMs };
  }

  /** Both relays carry again, as either end sees it; when that is. */
  async #whole(): Promise<number> {
    const endMs = nowMs() + BACK_MS;
    for (;;) {
      const [here, there] = await Promise.all([this.#program, this.#server].map((end) => end.call('paths', undefined)));
      if (carryingRelays(here!, there!) >= RELAYS) return nowMs();
      if (nowMs() > endMs) throw new Error(`the program had no ${RELAYS} relays again within ${BACK_MS / 1000} s`);
      await wait(LOOK_EVERY_MS);
    }
  }
}

/** A path that one end has given up, and the other has not, is one that nobody may count on: then there are none. */
export function carryingRelays(here: readonly SeenPath[], there: readonly SeenPath[]): number {
  const ids = new Set(here.map(({ id }) => id));
  if (there.length !== ids.size || !there.every(({ id }) => ids.has(id))) return 0;
  return new Set(there.map(({ address }) => address)).size;
}

export function strikes(arrivals: readonly Arrival[], moments: readonly Moment[]): Strike[] {
  return moments.map(({ quietFromMs, atMs, untilMs }) => ({
    quietMs: longestGapMs(arrivals, quietFromMs, atMs),
    gapMs: longestGapMs(arrivals, atMs, untilMs),
  }));
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
