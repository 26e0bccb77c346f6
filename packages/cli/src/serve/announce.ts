import type { Announcement, AnnounceOptions, RecordInput } from '@kwik/discovery';
import { parseSource } from '@kwik/discovery/source-spec';
import type { ServerHealth } from '@kwik/session';
import type { ServerRecord } from '@kwik/wire';
import { formatHostPort, parseHostPort } from '../address.js';
import { readAnnounceKey } from '../discovery/record-keys.js';
import { readRegistryCredentials, type RegistryFlags } from '../discovery/discover.js';
import { usageError } from '../errors.js';
import type { CliIo } from '../io.js';
import { packageVersion } from '../version.js';
import { FollowedMarks } from './followed-marks.js';
import type { ServeLog } from './serve-log.js';

export interface AnnounceFlags extends RegistryFlags {
  /** As `parseSource` reads them. */
  readonly announce: readonly string[];
  /** A file with the Ed25519 key that signs what is announced. */
  readonly announceKey?: string;
  readonly service?: string;
  /** `host:port` under which others reach this server. */
  readonly announceAddress: readonly string[];
  readonly serverId?: string;
  readonly region?: string;
  readonly zone?: string;
  readonly tag: readonly string[];
}

/** Load is told in steps of a twentieth: what changes by less is no news. */
const LOAD_STEPS = 20;
export const LOAD_EVERY_MS = 5000;

export interface AnnounceParts {
  /** Where the server listens. */
  readonly address: string;
  readonly capabilities: readonly string[];
  readonly io: CliIo;
  readonly log: ServeLog;
  readonly load: () => Load;
  /** An operator has the server drain, or takes that back. */
  readonly onDrain: (isDraining: boolean) => void;
  /** What this server says of itself from now on. */
  readonly onHealth?: (health: ServerHealth) => void;
}

/** How much there is to do. */
export interface Load {
  /** From 0 to 1. */
  readonly share: number;
  readonly sessions: number;
}

/** Throws a usage error for what cannot be announced, before the server listens. */
export function checkAnnounce({
  announce,
  service,
  announceAddress,
  listen,
}: AnnounceFlags & { listen: string }): void {
  if (announce.length === 0) return;
  if (service === undefined) throw usageError('--announce takes --service NAME: under which name clients look for it');
  for (const spec of announce.map((text) => parseSource(text))) {
    if (!['http', 'etcd', 'mdns', 'dns-sd'].includes(spec.kind)) {
      throw usageError(`--announce ${spec.text}: a server announces itself by a registry, etcd, mdns or dns-sd`);
    }
  }
  const { host } = parseHostPort(listen, { allowZero: true });
  if (announceAddress.length === 0 && (host === '0.0.0.0' || host === '::')) {
    throw usageError(`--announce with --listen ${listen} takes --announce-address HOST:PORT: where others reach it`);
  }
}

/** A server that announces itself for as long as it runs. */
export interface Announcements {
  /** Takes them back; never rejects. */
  close(): Promise<void>;
}

/**
 * Reads what announcing takes, before the server listens. What it resolves with announces the server wherever the command line
 * says; what fails then is logged, and tried again.
 */
export async function prepareAnnouncing(
  flags: AnnounceFlags,
  io: Pick<CliIo, 'env'>,
): Promise<(parts: AnnounceParts) => Promise<Announcements>> {
  if (flags.announce.length === 0) return () => Promise.resolve({ close: () => Promise.resolve() });
  const { RecordSigner } = await import('@kwik/discovery');
  const { announceKey, service = '' } = flags;
  const how = {
    service,
    credentials: await readRegistryCredentials(flags, io),
    ...(announceKey !== undefined && {
      signer: new RecordSigner({ service, key: await readAnnounceKey(announceKey) }),
    }),
  };
  return (parts) => announceAll(flags, how, parts);
}

async function announceAll(
  flags: AnnounceFlags,
  how: Pick<AnnounceOptions, 'service' | 'credentials' | 'signer'>,
  parts: AnnounceParts,
): Promise<Announcements> {
  const { log } = parts;
  const { service } = how;
  const { announceBy, dnsSdZone, makeRecord } = await import('@kwik/discovery');
  const input = recordOf(flags, parts);
  const record = makeRecord({ ...input, attributes: { version: packageVersion() } });
  const running: Announcement[] = [];
  const teller = new Teller(record, running, parts);
  const onDrain = (isDraining: boolean): void => {
    teller.drain(isDraining);
    parts.onDrain(isDraining);
  };
  const marks = new FollowedMarks({ server: record, log, onDrain });
  let closed = false;
  const isClosed = (): boolean => closed;
  const close = async (): Promise<void> => {
    closed = true;
    marks.close();
    teller.close();
    await Promise.all(running.map((one) => one.close()));
  };
  try {
    const specs = flags.announce.map((text) => parseSource(text));
    // A server that is started again while it is to drain says so from the first word on.
    await Promise.all(specs.map((spec) => marks.follow(spec, how)));
    for (const spec of specs) {
      if (spec.kind === 'dns-sd') {
        // A zone is written once, for versions to come.
        log.zone(dnsSdZone(makeRecord(input), spec.domain ?? service));
        continue;
      }
      const onFailure = (error: unknown): void => log.announceFailed(spec.text, error);
      const announceHere = async (): Promise<void> => {
        if (closed) return;
        const said = teller.record;
        const one = await announceBy(spec, said, { ...how, onFailure });
        running.push(one);
        if (isClosed()) return one.close();
        if (teller.record !== said) one.update(teller.record);
        void one.announced.then(() => closed || log.announced(spec.text, service, record.addresses));
      };
      // In an etcd that could not be asked yet there may be a mark: nothing is said there before that is known.
      const unread = marks.unread(spec);
      if (unread === undefined) await announceHere();
      else void unread.then(announceHere).catch(onFailure);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

function recordOf(flags: AnnounceFlags, { address, capabilities }: AnnounceParts): RecordInput {
  const { announceAddress, serverId, region, zone, tag } = flags;
  const given = announceAddress.map((one) => formatHostPort(parseHostPort(one)));
  return {
    addresses: given.length > 0 ? given : [address],
    capabilities,
    tags: tag,
    ...(serverId !== undefined && { serverId }),
    ...(region !== undefined && { region }),
    ...(zone !== undefined && { zone }),
  };
}

/** Tells others what changes: load, and whether it drains, with how many sessions are left then. */
class Teller {
  record: ServerRecord;
  readonly #first: ServerRecord;
  readonly #running: readonly Announcement[];
  readonly #load: () => Load;
  readonly #onHealth: AnnounceParts['onHealth'];
  readonly #stop: () => void;
  #isDraining = false;
  #told = '';

  constructor(record: ServerRecord, running: readonly Announcement[], { io, load, onHealth }: AnnounceParts) {
    this.record = record;
    this.#first = record;
    this.#running = running;
    this.#load = load;
    this.#onHealth = onHealth;
    this.#stop = io.every(LOAD_EVERY_MS, () => this.#tell());
  }

  drain(isDraining: boolean): void {
    this.#isDraining = isDraining;
    this.#tell();
  }

  close(): void {
    this.#stop();
  }

  #tell(): void {
    const { share, sessions } = this.#load();
    const load = Math.round(Math.min(1, Math.max(0, share)) * LOAD_STEPS) / LOAD_STEPS;
    const left = this.#isDraining ? String(sessions) : undefined;
    const now = `${load} ${left ?? ''}`;
    if (now === this.#told) return;
    this.#told = now;
    const attributes = new Map([
      ...this.#first.attributes,
      ...(left === undefined ? [] : [['sessions', left] as const]),
    ]);
    this.record = { ...this.#first, load, accepting: !this.#isDraining, attributes };
    for (const one of this.#running) one.update(this.record);
    this.#onHealth?.({ load, sessions, accepting: !this.#isDraining });
  }
}
