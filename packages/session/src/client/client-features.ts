import type { Leaving, Takeover } from '../api/takeover.js';
import type { ResolvedLimits } from '../limits.js';
import type { Feature } from '../runtime/features/feature.js';
import { KeyLimit } from '../runtime/features/key-limit.js';
import { peerClose } from '../runtime/features/peer-close.js';
import { ping } from '../runtime/features/ping.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { StreamAnnouncements } from '../runtime/features/stream-announcements.js';
import type { PathPort } from '../runtime/paths/path-port.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import type { Composition } from '../runtime/session/engine.js';
import { CapacityReports } from './capacity-reports.js';
import { ContentClient, type ContentWatch } from './content-client.js';
import { contributionGrants } from './contribution-grants.js';
import { type CheckedEarly, EarlyStream } from './early-stream.js';
import { KeyRenewals } from './key-renewals.js';
import { ownShortage } from './own-shortage.js';
import { PathJoins, type PathJoinsOptions } from './path-joins.js';
import { PathRemovals } from './path-removals.js';
import { PathReports } from './path-reports.js';
import { PrimaryPaths, type PrimaryPathsOptions } from './primary-paths.js';
import { OwnRelays, type OwnRelaysOptions } from './relays/own-relays.js';
import { RelayedPaths, type RelayedPathsOptions } from './relays/relayed-paths.js';
import { RawRelay } from './raw-relay.js';
import { ServerHealthReports } from './server-health.js';
import { Failover, type FailoverOptions } from './takeover/failover.js';
import { TakeoverListeners } from './takeover/takeover-listeners.js';

export interface ClientFeaturesOptions {
  readonly limits: ResolvedLimits;
  /** Milliseconds since 1970, for what peers are told of times. */
  readonly wallClockMs: () => number;
  readonly primaryPaths: Omit<PrimaryPathsOptions, 'mayGoOn'>;
  readonly joinPath: PathJoinsOptions['joinPath'];
  readonly failover: Pick<FailoverOptions, 'join' | 'establish'>;
  /** Hears of contents. */
  readonly watch?: ContentWatch;
  readonly relays: Omit<RelayedPathsOptions, 'maxPaths'>;
  /** Connects a path anew while it lives; `relayed`: the paths by way of relays. Absent where that cannot be done. */
  readonly connectAgain?:
    | ((path: PathRuntime, relayed: RelayedPaths, timeoutMs: number) => Promise<PathPort>)
    | undefined;
  /** What the first stream begins with; it went with the hello. */
  readonly early?: CheckedEarly | undefined;
  /** Relays that the client itself chose. */
  readonly ownRelays?: Pick<OwnRelaysOptions, 'sessions' | 'anchor' | 'onRefused'> | undefined;
}

export interface ClientFeatures extends Composition {
  readonly primaryPaths: PrimaryPaths;
  readonly takeovers: TakeoverListeners<Takeover>;
  readonly leavings: TakeoverListeners<Leaving>;
  readonly early: EarlyStream | undefined;
  readonly ownRelays?: OwnRelays | undefined;
}

/** All that a client does in its session. Only the primary commands paths and opens streams. */
export function clientFeatures(session: SessionContext, options: ClientFeaturesOptions): ClientFeatures {
  const { limits, wallClockMs, joinPath } = options;
  const content = new ContentClient(session, options.watch);
  const removals = new PathRemovals(session, wallClockMs);
  const mayGoOn = (): boolean => content.viable || failover.pending;
  const { surplus, requireRoom } = ownShortage(session, removals);
  const join: PrimaryPathsOptions['join'] = async (route, ...to) => {
    requireRoom(route.id);
    return options.primaryPaths.join(route, ...to);
  };
  const primaryPaths = new PrimaryPaths(session, { ...options.primaryPaths, join, mayGoOn });
  const joins = new PathJoins(session, { maxPaths: limits.maxPaths, joinPath, content });
  const nextPathId = (): number => joins.nextPathId;
  const takeovers = new TakeoverListeners<Takeover>(session, 'onTakeover');
  const leavings = new TakeoverListeners<Leaving>(session, 'onLeaving');
  const told = {
    onTakenOver: (takeover: Takeover): void => takeovers.tell(takeover),
    onLeaving: (leaving: Leaving): void => leavings.tell(leaving),
  };
  const failover = new Failover(session, { ...options.failover, ...told, content, primaryPaths, nextPathId });
  const relayed = new RelayedPaths(session, { ...options.relays, maxPaths: limits.maxPaths });
  const features: Feature[] = [
    ping(wallClockMs),
    new StreamAnnouncements(session, 'client'),
    contributionGrants(session),
    new RawRelay(session, { ...limits, wallClockMs }),
    content,
    joins,
    removals,
    new PathReports(session),
    new CapacityReports(session, content),
    new ServerHealthReports(session),
    peerClose(session, {
      tellOthers: true,
      onPathClosed: (path, reason) => removals.closedByServer(path, reason),
    }),
    primaryPaths,
    surplus,
    failover,
    takeovers,
    leavings,
    relayed,
    new KeyLimit(session, limits.packetsPerKey),
  ];
  const { connectAgain } = options;
  if (connectAgain !== undefined) {
    const connect = (path: PathRuntime, timeoutMs: number): Promise<PathPort> => connectAgain(path, relayed, timeoutMs);
    const { packetsPerKey } = limits;
    features.push(new KeyRenewals(session, { packetsPerKey, random: options.relays.random, connect }));
  }
  const early = options.early && new EarlyStream(session, options.early);
  if (early !== undefined) features.push(early);
  if (options.ownRelays === undefined) return { features, primaryPaths, takeovers, leavings, early };
  const { random } = options.relays;
  const ownRelays = new OwnRelays(session, { ...options.ownRelays, relayed, random });
  return { features: [...features, ownRelays], primaryPaths, takeovers, leavings, early, ownRelays };
}
