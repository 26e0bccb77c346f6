import type { PathInfo } from '@kwik/session';
import { reportError } from '../errors.js';
import type { CliIo } from '../io.js';
import { jsonLine, oneLine } from '../ui/text.js';
import { formatBytes, formatSeconds, rounded } from '../ui/units.js';
import type { Answered } from './answer.js';

/** Enough of a session's id to tell sessions apart in a log. */
const SHORT_ID_CHARACTERS = 8;

/** What a server has to say: lines for people on stderr, or with --json one object per line on stdout. */
export class ServeLog {
  readonly #io: Pick<CliIo, 'stdout' | 'stderr'>;
  readonly #json: boolean;

  constructor(io: Pick<CliIo, 'stdout' | 'stderr'>, json: boolean) {
    this.#io = io;
    this.#json = json;
  }

  /** Always the first line, and on stdout: programs wait for it and read the address from it. */
  listening(address: string, directory: string | undefined): void {
    if (this.#json) this.#event({ event: 'listening', address, directory: directory ?? null });
    else this.#io.stdout.print(`listening on ${address}\n`);
  }

  adminAt(url: string): void {
    this.#write({ event: 'admin', url }, `operators: ${url}`);
  }

  alert(change: string, title: string, now: string): void {
    this.#write({ event: `alert-${change}`, title, now }, `alert ${change}: ${title} (${now})`);
  }

  boundMet(message: string): void {
    this.#write({ event: 'bound-met', message }, message);
  }

  sessionOpened(id: string, role: string): void {
    this.#write({ event: 'session-opened', session: id, role }, `${short(id)}  opened (${role})`);
  }

  sessionClosed(id: string, reason: string): void {
    this.#write(
      { event: 'session-closed', session: id, reason },
      `${short(id)}  closed${reason === '' ? '' : `: ${reason}`}`,
    );
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

  pathLost(session: string, path: PathInfo): void {
    const reason = path.reason ?? path.errorCode ?? 'no reason known';
    this.#write(
      { event: 'path-lost', session, server: path.address, code: path.errorCode ?? null, reason },
      `${short(session)}  path ${path.id} to ${path.address} is dead: ${reason}`,
    );
  }

  answered(session: string, answered: Answered, ms: number): void {
    const { op, path, bytes, error, omitted = [] } = answered;
    for (const { path: left, reason } of omitted) {
      this.#write(
        { event: 'omitted', session, path: left, reason },
        `${short(session)}  ${left} left out of a listing: ${reason}`,
      );
    }
    if (error === undefined) {
      this.#write(
        { event: 'served', session, op, path, bytes, ms: rounded(ms, 1) },
        `${short(session)}  ${op} ${path}: ${op === 'get' ? `${formatBytes(bytes)} in ` : ''}${formatSeconds(ms)}`,
      );
      return;
    }
    const { code, message } = reportError(error);
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

  stopped(signal: string): void {
    this.#write({ event: 'stopped', signal }, 'stopped');
  }

  #write(event: object, line: string): void {
    if (this.#json) this.#event(event);
    else this.#io.stderr.print(`${oneLine(line)}\n`);
  }

  #event(event: object): void {
    this.#io.stdout.print(`${jsonLine(event)}\n`);
  }
}

function short(id: string): string {
  return id.slice(0, SHORT_ID_CHARACTERS);
}
