import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { makeRecord, signedRecords, signRecord } from '@kwik/discovery';
import type { RecordVerifier, ServerRecord } from '@kwik/wire';
import type { AnnouncementKind, AnnouncementPlan, DiscoveryPlan } from '../plan/plan.js';
import type { World } from './world.js';

export const SERVICE = 'films';
/** How a server on its way back and forth comes and goes. */
const FLAP_MS = 700;
const LIE_MS = 500;
const HOUR_MS = 3_600_000;

const keyOf = (seed: number): KeyObject => {
  // An Ed25519 key in PKCS #8 (RFC 8410, section 7) is these bytes and a seed of 32.
  const head = Buffer.from('302e020100300506032b657004220420', 'hex');
  return createPrivateKey({ key: Buffer.concat([head, Buffer.alloc(32, seed)]), format: 'der', type: 'pkcs8' });
};
const SERVICE_KEY = keyOf(1);
const OTHER_KEY = keyOf(2);

/** What is announced, by whoever may and by whoever may not, as the plan and the time have it. */
export class Announcements {
  readonly #world: World;
  readonly #plan: DiscoveryPlan;
  /** By what they say, so that each is signed once. */
  readonly #signed = new Map<string, ServerRecord>();
  /** By server: what it said last, and after how many other things. */
  readonly #said = new Map<number, { readonly what: string; readonly turn: number }>();

  constructor(world: World, plan: DiscoveryPlan) {
    this.#world = world;
    this.#plan = plan;
  }

  /** Believes what has the service's key. */
  readonly verifier: RecordVerifier = signedRecords({
    service: SERVICE,
    keys: [{ key: createPublicKey(SERVICE_KEY) }],
  });

  /** What a source names now. Whoever replays speaks after the server itself. */
  records(source: number): ServerRecord[] {
    const { servers } = this.#world.plan;
    const genuine = servers.filter(({ index }) => this.isListed(index)).map(({ index }) => this.#genuine(index));
    const dead = Array.from({ length: this.#plan.deadPrimaries }, (_, index) => this.#deadPrimary(index));
    const forgeries = this.#active().filter((event) => event.source === source);
    const forged = forgeries.flatMap((event) => this.#forged(event) ?? []);
    return [...genuine, ...dead, ...forged];
  }

  isListed(server: number): boolean {
    const now = this.#world.clock.now();
    const flapping = this.#of('flap', server).some(({ atMs }) => Math.floor((now - atMs) / FLAP_MS) % 2 === 0);
    return !flapping && this.#of('absent', server).length === 0;
  }

  /** Whether something of a kind is so of a server now. */
  is(kind: AnnouncementKind, server: number): boolean {
    return this.#of(kind, server).length > 0;
  }

  /** Whether it has been so for `ms` at least. */
  lasts(kind: AnnouncementKind, server: number, ms: number): boolean {
    const now = this.#world.clock.now();
    return this.#of(kind, server).some(({ atMs }) => atMs + ms <= now);
  }

  /** What a source cannot do now, or could not within the last `withinMs`. */
  trouble(source: number, withinMs = 0): 'fail' | 'silent' | undefined {
    const events = this.#active(withinMs).filter((event) => event.source === source);
    return (['fail', 'silent'] as const).find((kind) => events.some((event) => event.kind === kind));
  }

  /** Whether it is that of a server which has announced it. */
  isHonest(address: string): boolean {
    return (
      this.#world.plan.servers.some(({ host }) => address === `${host}:4433`) ||
      Array.from({ length: this.#plan.deadPrimaries }, (_, index) => deadAddress(index)).includes(address)
    );
  }

  #of(kind: AnnouncementKind, server: number): AnnouncementPlan[] {
    return this.#active().filter((event) => event.kind === kind && event.server === server);
  }

  #active(withinMs = 0): AnnouncementPlan[] {
    const now = this.#world.clock.now();
    return this.#plan.announcements.filter(({ atMs, durationMs }) => atMs <= now && now < atMs + durationMs + withinMs);
  }

  #genuine(index: number): ServerRecord {
    const { host } = this.#world.plan.servers[index]!;
    const lie = this.is('lie', index) ? Math.floor(this.#world.clock.now() / LIE_MS) % 3 : undefined;
    const offers = index === 0 ? 'primary' : this.is('incapable', index) ? 'raw' : 'replica';
    const accepting = !this.is('drain', index);
    return this.#own(index, `${lie} ${offers} ${accepting}`, () =>
      makeRecord({
        ...{ serverId: host, addresses: [`${host}:4433`], capabilities: [offers], accepting },
        ...(lie !== undefined && { load: lie / 2 }),
      }),
    );
  }

  #deadPrimary(index: number): ServerRecord {
    const addresses = [deadAddress(index)];
    return this.#sign(`dead ${index}`, () => makeRecord({ serverId: `dead-${index}`, addresses }));
  }

  #forged({ kind, server }: AnnouncementPlan): ServerRecord | undefined {
    const { host } = this.#world.plan.servers[server]!;
    const capabilities = server === 0 ? ['primary'] : ['replica'];
    // Whoever forges makes it as attractive as can be.
    const lure = { addresses: [`10.0.9.${server + 1}:4433`], capabilities, weight: 65_535, load: 0 };
    const [own, theirs] = [
      makeRecord({ ...lure, serverId: `rogue-${server}` }),
      makeRecord({ ...lure, serverId: host }),
    ];
    switch (kind) {
      case 'stranger':
        return this.#sign(`stranger ${server}`, () => own, { key: OTHER_KEY });
      case 'forge':
        return this.#sign(`forge ${server}`, () => theirs, { key: OTHER_KEY });
      case 'unsigned':
        return theirs;
      case 'alter': {
        const { signature } = this.#genuine(server);
        return { ...theirs, signature };
      }
      case 'replay':
        return this.#sign(`replay ${server}`, () => theirs, { agoMs: HOUR_MS });
      case 'stale':
        return this.#sign(`stale ${server}`, () => own, { agoMs: 9 * HOUR_MS });
      default:
        return undefined;
    }
  }

  /** As the server itself says it; what is said again after something else is signed anew. */
  #own(index: number, what: string, make: () => ServerRecord): ServerRecord {
    const last = this.#said.get(index) ?? { what, turn: 0 };
    if (last.what !== what) this.#said.set(index, { what, turn: last.turn + 1 });
    else this.#said.set(index, last);
    return this.#sign(`${index} ${what} ${this.#said.get(index)!.turn}`, make);
  }

  #sign(what: string, make: () => ServerRecord, { key = SERVICE_KEY, agoMs = 0 } = {}): ServerRecord {
    const known = this.#signed.get(what);
    if (known !== undefined) return known;
    const nowMs = this.#world.wallClockMs(0) - agoMs;
    const signed = signRecord(SERVICE, make(), key, { nowMs, lifeMs: 8 * HOUR_MS });
    this.#signed.set(what, signed);
    return signed;
  }
}

function deadAddress(index: number): string {
  return `10.0.4.${index + 1}:4433`;
}
