import type {
  ContentFinished,
  DiagnosticEvents,
  DiagnosticName,
  HandshakeFinished,
  OfPath,
  OfSession,
  PathChanged,
  ScalingStep,
  ServerDiscovered,
} from '@kwik/wire';
import type { LogLevel, LogLine } from './log-line.js';

type Lines = { readonly [Name in DiagnosticName]: (event: DiagnosticEvents[Name]) => LogLine | undefined };

/** What each event says in a log; undefined for what is no news. */
export const EVENT_LINES: Lines = {
  'kwik:session:opened': (event) => ({
    ...ofSession(event),
    level: 'info',
    event: 'session-opened',
    message: `session opened (${event.role}${takenFrom(event)})`,
    fields: { role: event.role, ...(event.takenFrom !== undefined && { takenFrom: event.takenFrom }) },
  }),
  'kwik:session:closed': (event) => ({
    ...ofSession(event),
    level: event.by === 'error' ? 'warn' : 'info',
    event: 'session-closed',
    message: `session ended by ${event.by === 'error' ? 'a failure' : event.by}${because(event.reason)}`,
    fields: { by: event.by, code: event.errorCode ?? event.code, durationMs: Math.round(event.durationMs) },
  }),
  'kwik:path:changed': pathChanged,
  'kwik:path:failover': (event) => ({
    ...ofPath(event),
    level: 'warn',
    event: 'path-failover',
    message:
      `path ${event.pathId} to ${event.address} stopped delivering (${event.cause}); ` +
      `others could take over after ${event.gapMs.toFixed(1)} ms${because(event.reason)}`,
    fields: { cause: event.cause, gapMs: rounded(event.gapMs), address: event.address },
  }),
  'kwik:path:refused': (event) => ({
    ...ofSession(event),
    level: 'warn',
    event: 'path-refused',
    message: `no path to ${event.address}${because(event.message)}`,
    fields: { address: event.address, code: event.code },
  }),
  'kwik:peer:violation': (event) => ({
    ...ofPath(event),
    level: 'error',
    event: 'peer-violation',
    message: `${event.address} broke a rule; its path is closed: ${event.message}`,
    fields: { address: event.address, code: event.code },
  }),
  'kwik:handshake:finished': handshake,
  'kwik:content:started': (event) => ({
    ...ofSession(event),
    level: 'debug',
    event: 'content-started',
    message: `content of ${event.bytes} bytes from ${event.sources} servers`,
    fields: { stream: String(event.streamId), bytes: event.bytes, sources: event.sources },
  }),
  'kwik:content:finished': contentFinished,
  'kwik:relay:flow': (event) => ({
    level: event.change === 'refused' ? 'warn' : 'debug',
    event: `relay-${event.change}`,
    message: `relay: flow of ${event.client}${event.anchor === '' ? '' : ` to ${event.anchor}`} ${event.change}${because(event.reason)}`,
    fields: { client: event.client, anchor: event.anchor },
  }),
  'kwik:discovery:server': discovered,
  'kwik:trust:decided': (event) => ({
    // What is allowed goes on, and shows; there may be one for each piece of content.
    level: event.decision === 'refused' ? 'warn' : 'debug',
    event: `trust-${event.decision}`,
    message: `${event.subject}: ${event.action} ${event.decision}${because(event.reason)}`,
    fields: { subject: event.subject, action: event.action },
  }),
  'kwik:scaling:step': scaled,
  'kwik:alert:changed': ({ change, severity, title, normal, now, cause, action }) => ({
    level: change === 'resolved' ? 'info' : severity === 'critical' ? 'error' : 'warn',
    event: `alert-${change}`,
    message:
      change === 'resolved'
        ? `alert resolved: ${title}`
        : `alert: ${title}: ${now} (normal: ${normal}); probably ${cause}. ${action}`,
    fields: { severity },
  }),
};

function takenFrom({ takenFrom: before }: DiagnosticEvents['kwik:session:opened']): string {
  if (before === undefined) return '';
  return `, taken over from ${before === '' ? 'another server' : before}`;
}

function pathChanged(event: PathChanged): LogLine {
  return {
    ...ofPath(event),
    level: LEVEL_OF_STATE[event.state] ?? 'info',
    event: 'path-changed',
    message: `path ${event.pathId} to ${event.address} is ${event.state}${because(event.reason)}`,
    fields: { state: event.state, address: event.address, ...(event.errorCode && { code: event.errorCode }) },
  };
}

const LEVEL_OF_STATE: Readonly<Record<string, LogLevel>> = {
  connecting: 'debug',
  validating: 'debug',
  recovering: 'debug',
  degraded: 'warn',
  suspected: 'warn',
  dead: 'warn',
};

function handshake({ side, address, purpose, result, message, durationMs }: HandshakeFinished): LogLine | undefined {
  // What succeeds shows as a session or a path.
  if (result === 'ok') return undefined;
  return {
    level: 'warn',
    event: 'handshake-failed',
    message: side === 'client' ? `no session with ${address}: ${message}` : `${address} was not let in: ${message}`,
    fields: { side, address, purpose, code: result, durationMs: rounded(durationMs) },
  };
}

function contentFinished(event: ContentFinished): LogLine {
  const { errorCode } = event;
  const failed = errorCode !== undefined;
  return {
    ...ofSession(event),
    level: failed ? 'warn' : 'debug',
    event: failed ? 'content-failed' : 'content-complete',
    message: failed ? `content failed: ${event.message}` : `content of ${event.bytes} bytes is complete`,
    fields: { stream: String(event.streamId), bytes: event.bytes, ...(failed && { code: errorCode }) },
  };
}

/** V2.5: that no server was suitable, and the session goes on over one path, is said with what speaks against each. */
function discovered({ server, source, change, reason, count }: ServerDiscovered): LogLine {
  const who = count === undefined ? `server ${server}` : `${count} more servers of '${source}'`;
  return {
    level: LEVEL_OF_CHANGE[change],
    event: `${count === undefined ? 'server' : 'servers'}-${change}`,
    message: `${who} ${change.replace('-', ' ')}${because(reason)}`,
    ...(server !== '' && { server }),
    fields: { source, ...(count !== undefined && { count }) },
  };
}

const LEVEL_OF_CHANGE: Readonly<Record<ServerDiscovered['change'], LogLevel>> = {
  found: 'info',
  // Servers tell their load all the time.
  changed: 'debug',
  lost: 'warn',
  healthy: 'info',
  unhealthy: 'warn',
  chosen: 'info',
  'not-chosen': 'warn',
};

/** V3.4, V5.4: each step with its figures and its bound; one that failed and is tried again says so. */
function scaled({ step, result, server, reason, figures, decider, session, bound, count = 1 }: ScalingStep): LogLine {
  const of = server === '' ? '' : ` ${server}`;
  return {
    level: result === 'done' && step !== 'degrade' ? 'info' : 'warn',
    event: `scaling-${step}`,
    message: `${decider ?? 'scaling'}: ${step}${of}: ${result}${because(reason)}`,
    ...(session !== undefined && session !== '' && { session }),
    server,
    fields: {
      result,
      ...(decider !== undefined && { decider }),
      ...(count > 1 && { count }),
      ...(bound !== undefined && { bound: bound.name, limit: bound.limit, value: bound.value }),
      ...figures,
    },
  };
}

function ofSession({ sessionId }: OfSession): Pick<LogLine, 'session'> {
  return { session: sessionId };
}

function ofPath({ sessionId, pathId, server }: OfPath): Pick<LogLine, 'session' | 'path' | 'server'> {
  return { session: sessionId, path: pathId, ...(server !== '' && { server }) };
}

function because(reason: string): string {
  return reason === '' ? '' : `: ${reason}`;
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
