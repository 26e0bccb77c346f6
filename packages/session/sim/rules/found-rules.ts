import type { ServiceDirectory } from '@kwik/discovery';
import type { Session } from '../../src/api/session.js';
import type { AnnouncementKind } from '../plan/plan.js';
import type { Announcements } from '../world/announcements.js';
import { LOOK_MS, SOURCES } from '../world/found-servers.js';
import type { SimulatedServer } from '../world/server.js';
import type { World } from '../world/world.js';

const EVERY_MS = 250;
/** A change is heard at the next look of a source, and told a moment later. */
const HEARD_MS = 2 * LOOK_MS + 50;
/** What came of trouble is forgiven when that has been over for so long: twice put out, and the longest rest. */
const WELL_AFTER_MS = 45_000;
/** A lost path is replaced within this (V2.3), and so much later for each server that may be tried before one is there. */
const REPLACED_MS = 5000;
/** While any of it is so of a server, nobody has to be connected to it. */
const UNWANTED = ['absent', 'flap', 'drain', 'incapable', 'refused'] as const;

/** What holds of servers that are found: nobody is dialled that may not be, and what is lost is replaced. */
export class FoundRules {
  readonly #world: World;
  readonly #announcements: Announcements;
  readonly #servers: readonly SimulatedServer[];
  /** When a server was not well for the last time: known, wanted, running, and nothing is wrong on its way. */
  readonly #unwellMs = new Map<number, number>();
  #unrestMs = 0;
  #shortSinceMs: number | undefined;

  constructor(world: World, announcements: Announcements, servers: readonly SimulatedServer[]) {
    this.#world = world;
    this.#announcements = announcements;
    this.#servers = servers;
  }

  /** Somebody connects to an address. */
  dialled(address: string): void {
    if (this.#announcements.isHonest(address)) return;
    this.#world.violate('nothing is dialled that may not be', `${address}, which no server has announced`);
  }

  /** The primary has its client connect to a server. */
  added(address: string): void {
    this.dialled(address);
    const server = this.#servers.find((one) => one.address === address)?.plan.index ?? 0;
    const why = server === 0 ? 'it has no copies' : this.#objectionTo(server);
    if (why !== undefined) this.#world.violate('nothing is dialled that may not be', `server ${server}: ${why}`);
  }

  /** Looks again and again at what somebody knows, as long as `wanted`: what nobody could sign is not in it. */
  watchKnown({ registry }: ServiceDirectory, wanted: () => boolean): void {
    this.#repeat(wanted, () => {
      for (const { key, record } of registry.values()) {
        const forged = record.addresses.find((address) => !this.#announcements.isHonest(address));
        if (forged === undefined) continue;
        this.#world.violate('a forged, replayed or stale announcement changes nothing', `${key} is at ${forged}`);
      }
    });
  }

  /** Looks again and again whether a session has as many paths as it could. */
  watchPaths(session: Session, directory: ServiceDirectory, wanted: () => boolean): void {
    this.#repeat(wanted, () => {
      const now = this.#world.clock.now();
      if (this.#disturbed(0) || this.#disturbed('client')) this.#unrestMs = now;
      const others = this.#servers.slice(1);
      for (const server of others) if (!this.#isWell(server, directory)) this.#unwellMs.set(server.plan.index, now);
      const well = others.filter(({ plan }) => now > (this.#unwellMs.get(plan.index) ?? 0) + WELL_AFTER_MS);
      const due = Math.min(this.#world.plan.discovery?.count ?? 0, well.length);
      const has = session.getActivePaths().filter(({ primary }) => !primary).length;
      if (has >= due || now <= this.#unrestMs + WELL_AFTER_MS) this.#shortSinceMs = undefined;
      else this.#shortSinceMs ??= now;
      const shortMs = now - (this.#shortSinceMs ?? now);
      if (shortMs <= REPLACED_MS * (1 + others.length - well.length)) return;
      const names = well.map(({ plan }) => plan.index).join(', ');
      this.#world.violate('lost paths are replaced', `${has} of ${due} for ${shortMs} ms; well are ${names}`);
    });
  }

  #repeat(wanted: () => boolean, look: () => void): void {
    this.#world.clock.schedule(EVERY_MS, () => {
      if (!wanted()) return;
      look();
      this.#repeat(wanted, look);
    });
  }

  /** Why the primary should not take the server, as far as it must have heard. */
  #objectionTo(server: number): string | undefined {
    if (this.#announcements.is('refused', server)) return 'it is not trusted';
    // One source that works is enough: a server's newer word counts, whatever another one still says.
    const silent = SOURCES.every((source) => this.#announcements.trouble(source, HEARD_MS) !== undefined);
    // What nobody names now is known by what a failed source keeps, which may be an older word.
    const unnamed = !this.#announcements.isListed(server) || this.#announcements.is('flap', server);
    if (silent || unnamed || this.#disturbed(0, HEARD_MS)) return undefined;
    const heard = (kind: AnnouncementKind): boolean => this.#announcements.lasts(kind, server, HEARD_MS);
    if (heard('drain')) return 'it drains';
    return heard('incapable') ? 'it does not offer copies any more' : undefined;
  }

  #isWell({ plan, address }: SimulatedServer, directory: ServiceDirectory): boolean {
    return (
      plan.evil.length === 0 &&
      plan.replica !== 'liar' &&
      UNWANTED.every((kind) => !this.#announcements.is(kind, plan.index)) &&
      !this.#disturbed(plan.index) &&
      this.#world.processes.has(plan.host) &&
      directory.find(address) !== undefined
    );
  }

  /** Whether a fault of a server or of the client is at work, or was within the last `withinMs`. */
  #disturbed(target: number | 'client', withinMs = 0): boolean {
    const now = this.#world.clock.now();
    return this.#world.plan.faults.some(
      (fault) => fault.target === target && fault.atMs <= now && now < fault.atMs + fault.durationMs + withinMs,
    );
  }
}
