import type { OverloadEvent, PathInfo, ScalingEvent, ServerSession, Spending, WorkerEvent } from '@kwik/session';
import { reportError, type ErrorReport } from '../errors.js';
import type { CliIo } from '../io.js';
import { jsonLine, oneLine } from '../ui/text.js';
import { formatBytes, formatSeconds, rounded } from '../ui/units.js';
import type { Answered } from './answer.js';
import type { ChosenStandby } from './takeover/standbys.js';

/** Enough of a session's id to tell sessions apart in a log. */
const SHORT_ID_CHARACTERS = 8;

const OVERLOAD_TEXTS: Readonly<Record<OverloadEvent['action'], readonly [on: string, off: string]>> = {
  lessReadAhead: ['files are read ahead less', 'files are read ahead again'],
  noCopies: ['nothing is sent twice to save time', 'what saves time is sent twice again'],
  noProbing: ['nothing is added for what is only expected', 'what is expected is prepared for again'],
  fewerPaths: ['clients have two paths here at the most', 'clients may have more than two paths here again'],
  singlePath: ['clients have one path here', 'clients may have a second path here again'],
  refuseSessions: ['new clients are refused', 'new clients are let in again'],
  endIdleSessions: ['idle sessions are ended', 'idle sessions are left alone again'],
};

const SCALING_TEXTS: Readonly<Record<ScalingEvent['kind'], string>> = {
  add: 'is asked to help',
  added: 'helps',
  remove: 'is given back',
  removed: 'has gone',
  failed: 'could not be had or given back',
  lost: 'is lost',
};

/** Another server began it where it is `takenOver`. */
type OpenedSession = Pick<ServerSession, 'id' | 'role' | 'takenOver' | 'takenFrom'>;

/** What a server has to say: lines for people on stderr, or with --json one object per line on stdout. */
export class ServeLog {
  readonly #io: Pick<CliIo, 'stdout' | 'stderr'>;
  readonly #json: boolean;
  readonly #worker: number | undefined;

  /** `worker`: the number of this process, where several write to the same place. */
  constructor(io: Pick<CliIo, 'stdout' | 'stderr'>, json: boolean, worker?: number) {
    this.#io = io;
    this.#json = json;
    this.#worker = worker;
  }

  /** Always the first line, and on stdout: programs wait for it and read the address from it. */
  listening(address: string, directory: string | undefined): void {
    if (this.#json) this.#event({ event: 'listening', address, directory: directory ?? null });
    else this.#io.stdout.print(`listening on ${address}\n`);
  }

  /** What others have to say. */
  say(event: object, line: string): void {
    this.#write(event, line);
  }

  announced(where: string, service: string, addresses: readonly string[]): void {
    this.#write(
      { event: 'announced', where, service, addresses },
      `announced ${addresses.join(' ')} for ${service} by ${where}`,
    );
  }

  announceFailed(where: string, error: unknown): void {
    const { code, message } = reportError(error);
    this.#write({ event: 'announce-failed', where, code, message }, `${where}: ${message}; trying again`);
  }

  /** An operator has it take nobody new, or lets it do so again. */
  draining(isDraining: boolean, { by, reason }: { readonly by: string; readonly reason: string }): void {
    const why = [by === '' ? '' : ` by ${by}`, reason === '' ? '' : `: ${reason}`].join('');
    if (isDraining) this.#write({ event: 'draining', by, reason }, `drains, and takes nobody new${why}`);
    else this.#write({ event: 'undrained' }, 'takes clients again');
  }

  /** What an administrator has to write into a zone of DNS. */
  zone(lines: readonly string[]): void {
    if (this.#json) this.#event({ event: 'zone', lines });
    else this.#io.stdout.print(`for the zone file:\n${lines.map((line) => `${oneLine(line, 2000)}\n`).join('')}`);
  }

  boundMet(message: string): void {
    this.#write({ event: 'bound-met', message }, message);
  }

  /** It gives up something for want of memory, or takes it back. */
  overload({ action, on, reason, level }: OverloadEvent): void {
    const [begun, over] = OVERLOAD_TEXTS[action];
    this.#write({ event: 'overload', action, on, reason, level }, `${on ? begun : over}: ${reason}`);
  }

  /** What is decided of further servers for a session, and what became of it. */
  scaled({ sessionId, kind, address, reason, error, ...figures }: ScalingEvent): void {
    const code = error === undefined ? {} : { code: error.code };
    this.#write(
      { event: 'scaling', session: sessionId, kind, server: address, reason, ...code, ...figures },
      `${short(sessionId)}  server ${address} ${SCALING_TEXTS[kind]}: ${reason}`,
    );
  }

  /** What an earlier process kept. */
  scalingKnown(hours: number, spending: Spending | undefined): void {
    const sent = spending === undefined ? '' : `, and what servers had sent in ${spending.month}`;
    this.#write(
      { event: 'scaling-known', hours, spending: spending ?? null },
      `knows what ${hours} ${hours === 1 ? 'hour' : 'hours'} of the last days needed${sent}`,
    );
  }

  scalingNotKept({ code, message }: Pick<ErrorReport, 'code' | 'message'>): void {
    this.#write({ event: 'scaling-not-kept', code, message }, `what scaling learns is not kept: ${message}`);
  }

  sessionOpened({ id, role, takenOver, takenFrom }: OpenedSession): void {
    const taken = takenOver && { takenOver, ...(takenFrom !== undefined && { takenFrom }) };
    const words = takenOver ? `, taken over from ${takenFrom ?? 'another server'}` : '';
    this.#write({ event: 'session-opened', session: id, role, ...taken }, `${short(id)}  opened (${role}${words})`);
  }

  /** `sentBytes`: of content and answers, over all its paths to this server; all that a server of copies has to show. */
  sessionClosed(id: string, reason: string, sentBytes: number): void {
    this.#write(
      { event: 'session-closed', session: id, reason, sentBytes },
      `${short(id)}  closed, ${formatBytes(sentBytes)} sent${reason === '' ? '' : `: ${reason}`}`,
    );
  }

  /** Where sessions of this server go on when it is gone. */
  standby(chosen: ChosenStandby): void {
    const { server, answers, reason } = chosen;
    this.#write({ event: 'standby', server: server?.address ?? null, answers, reason }, standbyLine(chosen));
  }

  /** It answers, and could take no session of this server over. */
  standbyUnable(server: string, reason: string): void {
    const line = `${server} is no standby of this server: ${reason}`;
    this.#write({ event: 'standby-unable', server, reason }, line);
  }

  /** Of those that a drain found here. */
  handedOver(gone: number, left: number): void {
    this.#write(
      { event: 'handed-over', gone, left },
      `${gone} ${gone === 1 ? 'session is' : 'sessions are'} gone (to the standby, or ended), ${left} ${left === 1 ? 'is' : 'are'} left`,
    );
  }

  notHandedOver(error: unknown): void {
    const { code, message } = reportError(error);
    this.#write({ event: 'not-handed-over', code, message }, `sessions do not go to the standby: ${message}`);
  }

  peerAdded(session: string, server: string, rttMs: number): void {
    this.#write(
      { event: 'peer-added', session, server, rttMs: rounded(rttMs, 3) },
      `${short(session)}  server ${server} added, round trip ${rttMs.toFixed(1)} ms`,
    );
  }

  peerFailed(session: string, server: string, error: unknown): void {
    const { code, message } = reportError(error);
    // The client was done before its path was: nobody failed.
    if (code === 'ERR_KWIK_SESSION_CLOSED' || code === 'ERR_KWIK_ABORTED') return;
    this.#write(
      { event: 'peer-failed', session, server, code, message },
      `${short(session)}  server ${server} not added: ${message}`,
    );
  }

  /** Discovery has fewer servers than a session should have. */
  fewServers(session: string, reason: string): void {
    this.#write({ event: 'few-servers', session, reason }, `${short(session)}  ${reason}`);
  }

  pathLost(session: string, path: PathInfo): void {
    const reason = path.reason ?? path.errorCode ?? 'no reason known';
    this.#write(
      { event: 'path-lost', session, server: path.address, code: path.errorCode ?? null, reason },
      `${short(session)}  path ${path.id} to ${path.address} is dead: ${reason}`,
    );
  }

  answered(session: string, answered: Answered, ms: number): void {
    const { op, path, bytes, offset, error, unwanted = false, omitted = [] } = answered;
    for (const { path: left, reason } of omitted) {
      this.#write(
        { event: 'omitted', session, path: left, reason },
        `${short(session)}  ${left} left out of a listing: ${reason}`,
      );
    }
    if (error === undefined) {
      this.#write(
        { event: 'served', session, op, path, bytes, ...(offset !== undefined && { offset }), ms: rounded(ms, 1) },
        `${short(session)}  ${op} ${path}: ${whatOf(answered)}${formatSeconds(ms)}`,
      );
      return;
    }
    const { code, message } = reportError(error);
    if (unwanted) {
      this.#write(
        { event: 'left', session, op, path, code, message },
        `${short(session)}  ${op} ${path}: the client left it (${message})`,
      );
      return;
    }
    this.#write(
      { event: 'refused', session, op, path, code, message },
      `${short(session)}  ${op} ${path} refused: ${message}`,
    );
  }

  /** As a peer: asked for content that this server does not have, or has in another size. */
  replicaRefused(session: string, path: string, error: unknown): void {
    const { code, message } = reportError(error);
    this.#write(
      { event: 'replica-refused', session, path, code, message },
      `${short(session)}  cannot contribute to ${path}: ${message}`,
    );
  }

  worker({ kind, worker, pid, reason }: WorkerEvent): void {
    this.#write(
      { event: `worker-${kind}`, worker, pid, reason },
      `worker ${worker} (process ${pid}) ${kind}: ${reason}`,
    );
  }

  restarted(workers: number): void {
    this.#write(
      { event: 'restarted', workers },
      'new workers have taken over; those of before let their sessions finish',
    );
  }

  notRestarted(error: unknown): void {
    const { code, message } = reportError(error);
    this.#write({ event: 'not-restarted', code, message }, `the workers of before go on: ${message}`);
  }

  /** Sessions have so long to finish, or to go to the standby. */
  stopping(seconds: number): void {
    this.#write(
      { event: 'stopping', seconds },
      `stops: sessions have ${formatSeconds(seconds * 1000)} to end; a second signal ends them now`,
    );
  }

  stopped(signal: string): void {
    this.#write({ event: 'stopped', signal }, 'stopped');
  }

  #write(event: object, line: string): void {
    if (this.#json) this.#event(event);
    else this.#io.stderr.print(`${this.#worker === undefined ? '' : `[${this.#worker}] `}${oneLine(line)}\n`);
  }

  #event(event: object): void {
    const from = this.#worker === undefined ? {} : { worker: this.#worker };
    this.#io.stdout.print(`${jsonLine({ ...event, ...from })}\n`);
  }
}

function standbyLine({ server, answers, reason }: ChosenStandby): string {
  if (server === undefined) return `sessions end with this server: ${reason}`;
  if (!answers) return `the standby ${server.address} does not answer (${reason})`;
  return `sessions go on at ${server.address} when this server is gone (${reason})`;
}

/** A client that has all asks for the digest of the whole alone, of a standby after the content. */
function whatOf({ op, bytes, offset = 0 }: Answered): string {
  if (op !== 'get') return '';
  if (bytes === 0 && offset > 0) return `the digest alone, all ${formatBytes(offset)} had come, in `;
  return offset > 0 ? `${formatBytes(bytes)} after the first ${formatBytes(offset)} in ` : `${formatBytes(bytes)} in `;
}

function short(id: string): string {
  return id.slice(0, SHORT_ID_CHARACTERS);
}
