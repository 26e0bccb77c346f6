import type { ClientTrust, Session } from '@kwik/session';
import { isConnectionFailure, reportError } from '../errors.js';
import type { CliIo } from '../io.js';
import type { ServerTotals } from '../progress/server-totals.js';
import { MAX_NAMED_SERVERS } from '../protocol/messages.js';
import { connect } from './connect.js';
import { addServers } from './remote.js';

export interface LinkOptions {
  readonly servers: readonly string[];
  readonly trust?: ClientTrust;
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly totals: ServerTotals;
  /** Tells the user something in one line. */
  readonly say: (line: string) => void;
  /** Grows as long as the work advances; without an advance a lost connection is not tried again. */
  readonly progress: () => number;
}

/** A connection that is lost again and again is a reason to give up. */
const MAX_RECONNECTS = 5;
const SAMPLE_INTERVAL_MS = 100;
const CLOSE_TIMEOUT_MS = 1000;

/**
 * Runs `work` on a session, and again on a new one when the session was lost and work had got on meanwhile. Only servers
 * that the user named are dialled: those that a primary brought in are checked against it, and trusted with nothing.
 */
export async function withSession(
  io: CliIo,
  options: LinkOptions,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  for (let reconnects = 0; ; reconnects += 1) {
    const { session, server } = await connect(io.network, {
      ...options,
      timeoutMs: options.connectTimeoutMs,
      onFallback: options.say,
    });
    const before = options.progress();
    try {
      await workOn(session, server, { io, options, work, again: reconnects > 0 });
      return;
    } catch (error) {
      const again = isConnectionFailure(error) && options.progress() > before && reconnects < MAX_RECONNECTS;
      if (options.signal.aborted || !again) throw error;
      options.say(`${reportError(error).message}; connecting again`);
    }
  }
}

interface Working {
  readonly io: CliIo;
  readonly options: LinkOptions;
  readonly work: (session: Session) => Promise<void>;
  /** Whether an earlier session was lost. */
  readonly again: boolean;
}

async function workOn(session: Session, server: string, { io, options, work, again }: Working): Promise<void> {
  const sample = (): void => options.totals.sample(session.getAllPaths(), io.now());
  const stopSampling = io.every(SAMPLE_INTERVAL_MS, sample);
  const others = options.servers.filter((other) => other !== server);
  // Beside the work: the first bytes do not wait for further servers. What was refused is said once, not per session.
  const say = again ? (): void => undefined : options.say;
  if (others.length > 0) void nameServers(session, others.slice(0, MAX_NAMED_SERVERS), { ...options, say });
  try {
    await work(session);
  } finally {
    stopSampling();
    sample();
    options.totals.endSession();
    await closeSoon(session);
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

async function closeSoon(session: Session): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
  });
  await Promise.race([session.close().catch(() => undefined), late]);
  clearTimeout(timer);
}
