import { connect } from 'node:net';
import type { KwikError } from '@kwik/wire';
import { parseHostPort } from '../address.js';
import { errnoOf } from '../errors.js';
import type { UdpVerdict } from './reports.js';

/** What the host says over TCP, which firewalls treat apart: it is there, it is not, or nobody knows. */
export type TcpVerdict = 'accepts' | 'refuses' | 'silent';

const TCP_TIMEOUT_MS = 2_000;
const MAX_CAUSES = 8;

/** Names that lead nowhere: nothing was sent. */
const NAME_ERRORS: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_NONAME']);
/** The network itself said no, which takes an answer of a kind. */
const REFUSALS: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EPERM', 'EACCES']);

/** Errors that a session has only where nothing at all came back. */
const SILENCES: ReadonlySet<string> = new Set(['ERR_KWIK_TIMEOUT', 'ERR_KWIK_CONNECT_FAILED', 'ERR_KWIK_IDLE_TIMEOUT']);

/** What an attempt to open a session that failed says of UDP. */
export function udpVerdict(error: KwikError): UdpVerdict {
  for (const errno of errnosOf(error)) {
    if (NAME_ERRORS.has(errno)) return 'unknown';
    if (REFUSALS.has(errno)) return 'refused';
  }
  // A KWIK handshake that was not answered came after one of QUIC that was.
  if (/did not answer the KWIK handshake/u.test(error.message)) return 'open';
  return SILENCES.has(error.code) ? 'silent' : 'open';
}

/** Of an error and its causes, aggregated ones too. */
function errnosOf(error: unknown): string[] {
  const found: string[] = [];
  const open: unknown[] = [error];
  for (let seen = 0; seen < MAX_CAUSES && open.length > 0; seen++) {
    const one = open.shift();
    const errno = errnoOf(one);
    if (errno !== undefined) found.push(errno);
    if (one instanceof AggregateError) open.push(...(one.errors as unknown[]));
    if (one instanceof Error && one.cause !== undefined) open.push(one.cause);
  }
  return found;
}

/** Knocks at the same address over TCP. Never rejects. */
export async function askOverTcp(address: string, signal: AbortSignal): Promise<TcpVerdict> {
  const { host, port } = parseHostPort(address);
  const socket = connect({ host, port, timeout: TCP_TIMEOUT_MS });
  const end = (): void => void socket.destroy();
  signal.addEventListener('abort', end, { once: true });
  try {
    return await new Promise<TcpVerdict>((resolve) => {
      socket.once('connect', () => resolve('accepts'));
      socket.once('error', (error) => resolve(errnoOf(error) === 'ECONNREFUSED' ? 'refuses' : 'silent'));
      socket.once('timeout', () => resolve('silent'));
      socket.once('close', () => resolve('silent'));
    });
  } finally {
    signal.removeEventListener('abort', end);
    socket.destroy();
  }
}

/** What follows from UDP and TCP together, as a sentence; '' when there is nothing to say. */
export function explainUdp(udp: UdpVerdict, tcp: TcpVerdict | undefined, othersAnswer: boolean): string {
  switch (udp) {
    case 'open':
    case 'unknown':
    case 'refused':
      // Of a refusal the error says it all: the machine, or a router, answered at once.
      return '';
    case 'silent': {
      const here = othersAnswer ? '; UDP gets out of this machine, for other servers answer' : '';
      if (tcp === 'silent')
        return `nothing came back, over TCP neither: the machine is off, or a firewall drops everything${here}`;
      return (
        'the machine is there, for it answers over TCP: a firewall drops UDP on the way, or the server hangs' + here
      );
    }
  }
}
