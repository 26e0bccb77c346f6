import type { ResolvedLimits } from '../limits.js';
import type { Feature } from '../runtime/features/feature.js';
import { peerClose } from '../runtime/features/peer-close.js';
import { ping } from '../runtime/features/ping.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { StreamAnnouncements } from '../runtime/features/stream-announcements.js';
import type { Composition } from '../runtime/session/engine.js';
import { CapacityReports } from './capacity-reports.js';
import { ContentClient, type ContentWatch } from './content-client.js';
import { contributionGrants } from './contribution-grants.js';
import { PathJoins, type PathJoinsOptions } from './path-joins.js';
import { PathRemovals } from './path-removals.js';
import { PathReports } from './path-reports.js';
import { PrimaryPaths, type PrimaryPathsOptions } from './primary-paths.js';
import { OwnRelays, type OwnRelaysOptions } from './relays/own-relays.js';
import { RelayedPaths, type RelayedPathsOptions } from './relays/relayed-paths.js';
import { RawRelay } from './raw-relay.js';

export interface ClientFeaturesOptions {
  readonly limits: ResolvedLimits;
  /** Milliseconds since 1970, for what peers are told of times. */
  readonly wallClockMs: () => number;
  readonly primaryPaths: Omit<PrimaryPathsOptions, 'mayGoOn'>;
  readonly joinPath: PathJoinsOptions['joinPath'];
  /** Hears of contents. */
  readonly watch?: ContentWatch;
  readonly relays: Omit<RelayedPathsOptions, 'maxPaths'>;
  /** Relays that the client itself chose. */
  readonly ownRelays?: Pick<OwnRelaysOptions, 'sessions' | 'anchor'> | undefined;
}

export interface ClientFeatures extends Composition {
  readonly primaryPaths: PrimaryPaths;
  readonly ownRelays?: OwnRelays | undefined;
}

/** All that a client does in its session. Only the primary commands paths and opens streams. */
export function clientFeatures(session: SessionContext, options: ClientFeaturesOptions): ClientFeatures {
  const { limits, wallClockMs, joinPath } = options;
  const content = new ContentClient(session, options.watch);
  const removals = new PathRemovals(session, wallClockMs);
  const primaryPaths = new PrimaryPaths(session, { ...options.primaryPaths, mayGoOn: () => content.viable });
  const relayed = new RelayedPaths(session, { ...options.relays, maxPaths: limits.maxPaths });
  const features: Feature[] = [
    ping(),
    new StreamAnnouncements(session, 'client'),
    contributionGrants(session),
    new RawRelay(session, { ...limits, wallClockMs }),
    content,
    new PathJoins(session, { maxPaths: limits.maxPaths, joinPath, content }),
    removals,
    new PathReports(session),
    new CapacityReports(session, content),
    peerClose(session, {
      tellOthers: true,
      onPathClosed: (path, reason) => removals.closedByServer(path, reason),
    }),
    primaryPaths,
    relayed,
  ];
  if (options.ownRelays === undefined) return { features, primaryPaths };
  const { random } = options.relays;
  const ownRelays = new OwnRelays(session, { ...options.ownRelays, relayed, random });
  return { features: [...features, ownRelays], primaryPaths, ownRelays };
}
