import type { SessionKeys, TokenSigner } from '@kwik/kcp';
import type { SessionId } from '@kwik/wire';
import type { Feature } from '../runtime/features/feature.js';
import { peerClose } from '../runtime/features/peer-close.js';
import { ping } from '../runtime/features/ping.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { ServerGuard } from '../runtime/host/server-guard.js';
import type { AuditTrail } from '../runtime/host/audit-trail.js';
import type { ScalingOptions } from '../api/scaling.js';
import { StreamAnnouncements } from '../runtime/features/stream-announcements.js';
import type { Composition } from '../runtime/session/engine.js';
import { ClientReturn } from './client-return.js';
import { ContentSender } from './content-sender.js';
import { HealthHints } from './health-hints.js';
import { ContentServer, type ContentServerOptions } from './content-server.js';
import { PathCommander } from './path-commander.js';
import { RawPackets, type RawPacketsOptions } from './raw-packets.js';
import type { SessionRelays } from './relay/relay-addresses.js';
import { RelayNotices } from './relay/relay-notices.js';
import { RelayServer, type RelayServerOptions } from './relay/relay-server.js';
import { Scaling } from './scaling/scaling.js';
import type { ScalingMemory } from './scaling/scaling-memory.js';
import { isFurtherPath } from '../limits.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { SurplusPaths } from '../runtime/features/surplus-paths.js';
import { Removal } from './removal.js';
import { StandbyTickets, type StandbyTicketsOptions } from './takeover/standby-tickets.js';
import { ServerQueries, type ServerQueriesOptions } from './server-queries.js';

export interface ServerFeatures extends Composition {
  readonly rawPackets: RawPackets;
  /** At the primary. */
  readonly commander?: PathCommander;
  /** At a server that forwards for the client. */
  readonly relay?: RelayServer;
  /** At a primary that has a standby, whose client can go there. */
  readonly standby?: StandbyTickets | undefined;
}

export interface PrimaryOptions {
  readonly trail: Pick<AuditTrail, 'record'>;
  readonly servers?: Pick<ServerGuard, 'require'>;
  readonly sessionId: SessionId;
  readonly keys: SessionKeys;
  readonly signer: TokenSigner;
  readonly wallClockMs: () => number;
  /** 0 <= random() < 1, for the jitter of waits. */
  readonly random: () => number;
  /** How long the session waits for its client to come back, milliseconds. */
  readonly recoveryMs: number;
  readonly maxRawPacketBytes: number;
  /** `host:port` names under which relays reach this server. */
  readonly anchors: () => readonly string[];
  /** Told of relays that the client is to use. */
  readonly relays?: SessionRelays | undefined;
  /** The client may have datagrams forwarded here. */
  readonly relay?: RelayServerOptions;
  readonly scaling?: ScalingOptions | undefined;
  /** What clients may ask for servers. */
  readonly queries?: ServerQueriesOptions | undefined;
  /** What all sessions here know of scaling together. */
  readonly memory: ScalingMemory;
  /** Where the session goes on when this server is gone; absent where the client cannot go. */
  readonly standby?: StandbyTicketsOptions | undefined;
  /** Of a session that another primary began: of its content this one serves what the client wants. */
  readonly resumed?: Pick<ContentServerOptions, 'grantKeys' | 'replica'> | undefined;
  /** As in PathCommanderOptions. */
  readonly nextPathId?: number | undefined;
}

/** All that a primary does in a session. */
export function primaryFeatures(session: SessionContext, options: PrimaryOptions): ServerFeatures {
  const { sessionId, signer, wallClockMs, recoveryMs, maxRawPacketBytes, scaling, queries } = options;
  const nothing = { replica: () => Promise.resolve(undefined) };
  const served = options.resumed ?? nothing;
  const content = new ContentServer(session, { sessionId, wallClockMs, ...served, opensOnRequest: false });
  const standby = options.standby && new StandbyTickets(session, options.standby);
  const commander = new PathCommander(session, options);
  const sender = new ContentSender(session, content, { sessionId, signer, wallClockMs });
  const rawPackets = new RawPackets(session, {
    maxPacketBytes: maxRawPacketBytes,
    permitted: true,
    requireReceiver: (pathId) => commander.requireCapability(pathId, 'raw'),
  });
  const relay = options.relay === undefined ? undefined : new RelayServer(session, options.relay);
  const features: Feature[] = [
    ping(wallClockMs),
    new StreamAnnouncements(session, 'server'),
    content,
    sender,
    commander,
    rawPackets,
    peerClose(session, { tellOthers: false }),
    new ClientReturn(session, recoveryMs),
    new SurplusPaths<PathRuntime>(session, {
      isFurther: isFurtherPath,
      remove: (command, by, timeoutMs) => by.request('removePath', command, timeoutMs),
    }),
    new RelayNotices(session),
    new HealthHints(session),
    ...(queries === undefined ? [] : [new ServerQueries(session, queries)]),
    ...(scaling === undefined ? [] : [new Scaling(session, scaling, { ...options, commander, content: sender })]),
  ];
  if (standby !== undefined) features.push(standby);
  if (relay === undefined) return { features, rawPackets, commander, standby };
  return { features: [...features, relay], rawPackets, commander, relay, standby };
}

export interface SecondaryOptions {
  readonly content: ContentServerOptions;
  readonly raw: RawPacketsOptions;
  /** The client may have datagrams forwarded here. */
  readonly relay?: RelayServerOptions;
}

/** All that a secondary does in a session. */
export function secondaryFeatures(session: SessionContext, options: SecondaryOptions): ServerFeatures {
  const { content, raw } = options;
  const contentServer = new ContentServer(session, content);
  const rawPackets = new RawPackets(session, raw);
  const relay = options.relay === undefined ? undefined : new RelayServer(session, options.relay);
  const features: Feature[] = [
    ping(content.wallClockMs),
    contentServer,
    contentServer.toldByClient(),
    rawPackets,
    new Removal(session),
    peerClose(session, { tellOthers: false }),
    new ClientReturn(session, 0),
  ];
  if (relay === undefined) return { features, rawPackets };
  return { features: [...features, relay], rawPackets, relay };
}
