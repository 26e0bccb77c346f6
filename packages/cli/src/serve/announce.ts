import type { Announcement, AnnounceOptions, RecordInput } from '@kwik/discovery';
import { parseSource } from '@kwik/discovery/source-spec';
import type { ServerRecord } from '@kwik/wire';
import { formatHostPort, parseHostPort } from '../address.js';
import { readAnnounceKey } from '../discovery/record-keys.js';
import { readRegistryCredentials, type RegistryFlags } from '../discovery/discover.js';
import { usageError } from '../errors.js';
import type { CliIo } from '../io.js';
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
  /** From 0 to 1. */
  readonly load: () => number;
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
  const record = makeRecord(recordOf(flags, parts));
  const running: Announcement[] = [];
  let closed = false;
  const close = async (): Promise<void> => {
    closed = true;
    await Promise.all(running.map((one) => one.close()));
  };
  try {
    for (const spec of flags.announce.map((text) => parseSource(text))) {
      if (spec.kind === 'dns-sd') {
        log.zone(dnsSdZone(record, spec.domain ?? service));
        continue;
      }
      const onFailure = (error: unknown): void => log.announceFailed(spec.text, error);
      const one = await announceBy(spec, record, { ...how, onFailure });
      running.push(one);
      void one.announced.then(() => closed || log.announced(spec.text, service, record.addresses));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const stopTelling = tellLoad(record, running, parts);
  return {
    close: async () => {
      stopTelling();
      await close();
    },
  };
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

function tellLoad(record: ServerRecord, running: readonly Announcement[], { io, load }: AnnounceParts): () => void {
  let told = 0;
  return io.every(LOAD_EVERY_MS, () => {
    const now = Math.round(Math.min(1, Math.max(0, load())) * LOAD_STEPS) / LOAD_STEPS;
    if (now === told) return;
    told = now;
    for (const one of running) one.update({ ...record, load: now });
  });
}
