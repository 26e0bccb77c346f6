import type { DiagnosticEvents, OfPath, PathChanged, PathReading, SessionReading, Traffic } from '@kwik/wire';

/** What the QUIC working group defines (draft-ietf-quic-qlog-quic-events), and what KWIK has besides (docs/operations.md). */
export const EVENT_SCHEMAS = ['urn:ietf:params:qlog:events:quic-13', 'urn:kwik:qlog:events:kwik'] as const;

type Data = Readonly<Record<string, unknown>>;

/** An event without its time. */
export interface QlogEvent {
  readonly name: string;
  readonly data: Data;
  /** Which path it is about; undefined: the session. */
  readonly pathId?: number;
}

/** Events that are about a session, by the names of their channels. */
type SessionEvents = {
  readonly [Name in keyof DiagnosticEvents]: DiagnosticEvents[Name] extends { readonly sessionId: string }
    ? Name
    : never;
}[keyof DiagnosticEvents];

type Conversions = { readonly [Name in SessionEvents]: (event: DiagnosticEvents[Name]) => readonly QlogEvent[] };

export const CONVERSIONS: Conversions = {
  'kwik:session:opened': ({ role, takenFrom }) => [
    { name: 'kwik:session_opened', data: { role, ...(takenFrom !== undefined && { taken_from: takenFrom }) } },
  ],
  'kwik:session:closed': ({ by, code, reason, errorCode, durationMs, traffic }) => [
    {
      name: 'kwik:session_closed',
      data: {
        by,
        code,
        reason,
        ...(errorCode !== undefined && { error_code: errorCode }),
        duration: durationMs,
        ...trafficOf(traffic),
      },
    },
  ],
  'kwik:path:changed': (event) => [
    {
      name: 'kwik:path_state_updated',
      data: { ...ofPath(event), primary: event.primary, new: event.state, reason: event.reason },
      pathId: event.pathId,
    },
    ...(event.state === 'dead' ? [connectionClosed(event)] : []),
  ],
  'kwik:path:failover': (event) => [
    {
      name: 'kwik:path_failover',
      data: { ...ofPath(event), cause: event.cause, gap: event.gapMs, reason: event.reason },
      pathId: event.pathId,
    },
  ],
  'kwik:path:refused': ({ address, code, message }) => [
    { name: 'kwik:path_refused', data: { address, error_code: code, reason: message } },
  ],
  'kwik:peer:violation': (event) => [
    {
      name: 'kwik:peer_violation',
      data: { ...ofPath(event), error_code: event.code, reason: event.message },
      pathId: event.pathId,
    },
  ],
  'kwik:content:started': ({ streamId, bytes, sources }) => [
    { name: 'kwik:content_started', data: { stream_id: Number(streamId), bytes, sources } },
  ],
  'kwik:content:finished': ({ streamId, bytes, errorCode, message }) => [
    {
      name: 'kwik:content_finished',
      data: {
        stream_id: Number(streamId),
        bytes,
        ...(errorCode !== undefined && { error_code: errorCode, reason: message }),
      },
    },
  ],
};

const TRIGGERS: Readonly<Record<string, string>> = {
  ERR_KWIK_IDLE_TIMEOUT: 'idle_timeout',
  ERR_KWIK_PATH_REMOVED: 'application',
  ERR_KWIK_SESSION_CLOSED: 'application',
};

/** A path that is dead has no connection any more; QUIC's own codes are not known above it. */
function connectionClosed({ pathId, reason, errorCode }: PathChanged): QlogEvent {
  const trigger = errorCode === undefined ? 'unspecified' : (TRIGGERS[errorCode] ?? 'error');
  return { name: 'quic:connection_closed', data: { reason, trigger }, pathId };
}

function ofPath({ pathId, address, server }: Pick<OfPath, 'pathId' | 'address' | 'server'>): Data {
  return { path_id: pathId, address, ...(server !== '' && { server }) };
}

/** What two looks at a session differ by. */
export function* changesOf(before: SessionReading | undefined, after: SessionReading): Generator<QlogEvent> {
  const known = new Map(before?.paths.map((path) => [path.pathId, path]));
  for (const path of after.paths) yield* pathChanges(known.get(path.pathId), path);
  const decisions = growth(before?.counts['decisions'] ?? {}, after.counts['decisions'] ?? {});
  if (Object.keys(decisions).length > 0) yield { name: 'kwik:scheduling', data: { decisions } };
}

function* pathChanges(before: PathReading | undefined, path: PathReading): Generator<QlogEvent> {
  const { pathId } = path;
  // How it was when it was first seen: the first path of a session is there before anybody hears of it.
  if (before === undefined) {
    const { primary, state, reason } = path;
    yield { name: 'kwik:path_state_updated', data: { ...ofPath(path), primary, new: state, reason }, pathId };
  }
  const metrics = metricsOf(path);
  if (before === undefined || JSON.stringify(metricsOf(before)) !== JSON.stringify(metrics)) {
    yield { name: 'quic:recovery_metrics_updated', data: metrics, pathId };
  }
  if (before?.datagramBytes !== path.datagramBytes) {
    const old = before === undefined ? {} : { old: before.datagramBytes };
    yield { name: 'quic:mtu_updated', data: { ...old, new: path.datagramBytes }, pathId };
  }
  const traffic = growth(before === undefined ? {} : trafficOf(before), trafficOf(path));
  if (Object.keys(traffic).length > 0)
    yield { name: 'kwik:path_traffic', data: { path_id: pathId, ...traffic }, pathId };
  const reinjected = path.reinjectedBytes - (before?.reinjectedBytes ?? 0);
  if (reinjected > 0) yield { name: 'kwik:reinjection', data: { path_id: pathId, bytes: reinjected }, pathId };
  if ((before?.unused ?? '') !== path.unused || before?.flow !== path.flow) {
    yield { name: 'kwik:path_use_updated', data: { path_id: pathId, flow: path.flow, unused: path.unused }, pathId };
  }
}

/** Of a path that has had no round trip yet none is told; what is not finite has no JSON. */
function metricsOf(path: PathReading): Data {
  const rtts = { min_rtt: path.minRttMs, smoothed_rtt: path.rttMs, rtt_variance: path.rttVarMs };
  const metrics = {
    ...(path.rttMs > 0 && rtts),
    congestion_window: Math.round(path.windowBytes),
    bytes_in_flight: Math.round(path.inFlightBytes),
  };
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)));
}

function trafficOf(path: Traffic): Readonly<Record<string, number>> {
  return {
    sent: path.sentBytes,
    received: path.receivedBytes,
    duplicate: path.duplicateBytes,
    wire_sent: path.wireSentBytes,
    wire_received: path.wireReceivedBytes,
    packets_sent: path.sentPackets,
    packets_lost: path.lostPackets,
  };
}

/** By how much each has grown, without those that have not. */
function growth(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const grown = Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, by]) => by > 0));
}
