import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientTrust, Session } from '@kwik/session';
import { KwikError, type Discovery, type ServerTrust } from '@kwik/wire';
import { isConnectionFailure, reportError } from '../errors.js';
import type { CliIo } from '../io.js';
import type { ServerTotals } from '../progress/server-totals.js';
import { MAX_NAMED_SERVERS } from '../protocol/messages.js';
import { connect, type Connected } from './connect.js';
import type { EarlyRequest } from './early-request.js';
import { addServers } from './remote.js';

export interface LinkOptions {
  readonly servers: readonly string[];
  readonly trust?: ClientTrust;
  /** Finds the servers of `kwik:NAME`. */
  readonly discovery?: Discovery;
  /** Which further servers are used, by what they did. */
  readonly scores?: ServerTrust;
  /** What `work` asks first, so that it goes with the hello of the first session. */
  readonly early?: EarlyRequest;
  readonly connectTimeoutMs: number;
  /** How long nothing may come, over however many sessions, before it is given up. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  readonly totals: ServerTotals;
  /** Tells the user something in one line. */
  readonly say: (line: string) => void;
  /** Grows as long as the work advances. */
  readonly progress: () => number;
  /** For tests: how to wait, until the time is over or the signal aborts. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** A connection that is lost again and again is a reason to give up, however far each one got. */
const MAX_RECONNECTS = 100;
/** Of one session; as many servers as one is likely to meet. */
const MAX_TAKEOVERS = 100;
/** Between attempts to connect again: at first, and at most. Attempts themselves take up to the connect timeout. */
const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 2000;
const SAMPLE_INTERVAL_MS = 100;
const CLOSE_TIMEOUT_MS = 1000;

/**
 * Runs `work` on a session, and again on a new one when the session was lost, until nothing has come for `silenceMs`. The
 * first connection is not waited for so long: a server that is not there is a mistake in the command more often than an
 * outage. Only servers that the user named are dialled: those that a primary brought in are checked against it, and
 * trusted with nothing.
 */
export async function withSession(
  io: CliIo,
  options: LinkOptions,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  let connected = await connectNow(io, options, options.early);
  const silence = new Silence(io, options);
  for (let reconnects = 0; ; reconnects += 1) {
    try {
      await workOn(connected.session, connected.server, { io, options, work, again: reconnects > 0 });
      return;
    } catch (error) {
      if (options.signal.aborted || !isConnectionFailure(error) || reconnects >= MAX_RECONNECTS) throw error;
      connected = await silence.endedByConnecting(error);
    }
  }
}

function connectNow(io: CliIo, { early: _, ...options }: LinkOptions, early?: EarlyRequest): Promise<Connected> {
  const { connectTimeoutMs: timeoutMs, say: onFallback } = options;
  return connect(io.network, { ...options, timeoutMs, onFallback, ...(early !== undefined && { early }) });
}

/** The time without a session, or without anything that comes on one. */
class Silence {
  readonly #io: CliIo;
  readonly #options: LinkOptions;
  #progress: number;
  #sinceMs: number;

  constructor(io: CliIo, options: LinkOptions) {
    this.#io = io;
    this.#options = options;
    this.#progress = options.progress();
    this.#sinceMs = io.now();
  }

  /** Connects again and again while there is time; rejects with the latest reason when it is over. */
  async endedByConnecting(lost: unknown): Promise<Connected> {
    const { signal, say, progress, silenceMs, wait = pause } = this.#options;
    if (progress() > this.#progress) this.#sinceMs = this.#io.now();
    this.#progress = progress();
    if (this.#overAfter(0)) throw lost;
    const leftMs = this.#sinceMs + silenceMs - this.#io.now();
    say(`${reportError(lost).message}; connecting again for up to ${Math.ceil(leftMs / 1000)} s`);
    let reason = lost;
    for (let waitMs = FIRST_WAIT_MS; !this.#overAfter(waitMs); waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      await wait(waitMs, signal);
      signal.throwIfAborted();
      try {
        return await connectNow(this.#io, { ...this.#options, say: () => undefined });
      } catch (error) {
        if (signal.aborted || !isConnectionFailure(error)) throw error;
        reason = error;
      }
    }
    const seconds = Math.round(silenceMs / 1000);
    const { code, message } = KwikError.from(reason, 'ERR_KWIK_TIMEOUT');
    throw new KwikError(code, `${message}; gave up after ${seconds} s without a byte`, { cause: reason });
  }

  #overAfter(waitMs: number): boolean {
    return this.#io.now() + waitMs >= this.#sinceMs + this.#options.silenceMs;
  }
}

interface Working {
  readonly io: CliIo;
  readonly options: LinkOptions;
  readonly work: (session: Session) => Promise<void>;
  /** Whether an earlier session was lost. */
  readonly again: boolean;
}

async function workOn(session: Session, server: string, working: Working): Promise<void> {
  const { io, options, again } = working;
  const sample = (): void => options.totals.sample(session.getAllPaths(), io.now());
  const stopSampling = io.every(SAMPLE_INTERVAL_MS, sample);
  const others = options.servers.filter((other) => other !== server);
  // Beside the work: the first bytes do not wait for further servers. What was refused is said once, not per session.
  const say = again ? (): void => undefined : options.say;
  if (others.length > 0) void nameServers(session, others.slice(0, MAX_NAMED_SERVERS), { ...options, say });
  try {
    await workThrough(session, working);
  } finally {
    options.early?.drop();
    stopSampling();
    sample();
    options.totals.endSession();
    await closeSoon(session);
  }
}

/** Where another server takes the session over, what only the one before knew is asked of it: the session is there. */
async function workThrough(session: Session, { options, work }: Working): Promise<void> {
  let takeovers = 0;
  session.onTakeover(({ address, before }) => {
    takeovers += 1;
    options.say(`${before} is gone or about to stop; ${address} goes on with the session`);
  });
  for (let before = 0; ; before = takeovers) {
    try {
      await work(session);
      return;
    } catch (error) {
      const goesOn = takeovers > before && takeovers <= MAX_TAKEOVERS;
      if (options.signal.aborted || !isConnectionFailure(error) || !goesOn) throw error;
    }
  }
}

/** A server that cannot be added costs speed, not the file: one line, and on. */
async function nameServers(session: Session, servers: readonly string[], { signal, say }: LinkOptions): Promise<void> {
  try {
    const { refused } = await addServers(session, servers, signal);
    for (const { server, reason } of refused) say(`${server} is not used: ${reason}`);
  } catch (error) {
    if (!signal.aborted && !isConnectionFailure(error))
      say(`further servers are not used: ${reportError(error).message}`);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

async function closeSoon(session: Session): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
  });
  await Promise.race([session.close().catch(() => undefined), late]);
  clearTimeout(timer);
}
