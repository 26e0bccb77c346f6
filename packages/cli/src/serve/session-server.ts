import { setMaxListeners } from 'node:events';
import type { ServerSession, Stream } from '@kwik/session';
import type { Forwards } from '../forward/forwards.js';
import { answerStream, type FileService } from './answer.js';
import { Slots } from './slots.js';
import { SentBytes } from './sent-bytes.js';
import { SessionPeers, type PeerPolicy } from './peers.js';
import type { ServeLog } from './serve-log.js';

/** Requests of one session that are answered at a time; each holds a file open. `kwik get` has 32 under way. */
const MAX_RUNNING_REQUESTS = 64;
/** As many streams as a session may have open. */
const MAX_WAITING_REQUESTS = 1024;

/** Application code of a reset: the request was not looked at. */
const RESET_REFUSED = 2;

export interface SessionServerOptions {
  readonly folder: FileService['folder'];
  readonly hashes: FileService['hashes'];
  readonly hasStandby: boolean;
  readonly policy: PeerPolicy;
  readonly forwards: Forwards;
  readonly log: ServeLog;
  readonly now: () => number;
}

/** Serves one session until it closes. Never rejects. */
export async function serveSession(session: ServerSession, options: SessionServerOptions): Promise<void> {
  const { log } = options;
  log.sessionOpened(session);
  // On a session that was joined here there is nothing to answer: its content comes from the `replica` option.
  if (session.role === 'primary') void answerStreams(session, options);
  const sent = new SentBytes(session.role);
  const unsubscribe = session.onPathChange((path) => sent.heard(path));
  const { by, reason, error } = await session.closed;
  unsubscribe();
  log.sessionClosed(
    session.id,
    by === 'error' ? (error?.message ?? reason) : reason,
    sent.total(session.getAllPaths()),
  );
}

async function answerStreams(session: ServerSession, options: SessionServerOptions): Promise<void> {
  const ended = new AbortController();
  // Each request that is answered or waits may listen for the end; Node would take more than ten for a leak.
  setMaxListeners(2 * (MAX_RUNNING_REQUESTS + MAX_WAITING_REQUESTS), ended.signal);
  void session.closed.then(() => ended.abort());
  const peers = new SessionPeers({ session, policy: options.policy, log: options.log, signal: ended.signal });
  const unsubscribe = session.onPathChange((path) => {
    // A path that never came to be is told of where it was asked for.
    const lost = path.state === 'dead' && peers.wasAdded(path.address) && !ended.signal.aborted;
    if (lost) options.log.pathLost(session.id, path);
  });
  peers.addOwn();
  const slots = new Slots('requests', { limit: MAX_RUNNING_REQUESTS, maxWaiting: MAX_WAITING_REQUESTS });
  const { forwards } = options;
  const service: FileService = {
    ...options,
    addServers: (servers) => peers.addForClient(servers),
    forward: {
      connect: (...asked) => forwards.connect(...asked),
      connectUdp: (...asked) => forwards.connectUdp(session, ...asked),
      listen: (...asked) => forwards.listen(session, ...asked),
    },
  };
  try {
    for (;;) {
      // Bounded by the stream limit that the session grants its client.
      const stream = await session.acceptStream({ signal: ended.signal });
      const one = { session, service, options, signal: ended.signal };
      slots.run(ended.signal, () => answerOne(stream, one)).catch(() => stream.reset(RESET_REFUSED));
    }
  } catch {
    // The session is closed; `closed` says why.
  } finally {
    unsubscribe();
  }
}

interface OneAnswer {
  readonly session: ServerSession;
  readonly service: FileService;
  readonly options: SessionServerOptions;
  readonly signal: AbortSignal;
}

async function answerOne(stream: Stream, { session, service, options, signal }: OneAnswer): Promise<void> {
  const startedMs = options.now();
  const answered = await answerStream(stream, service, signal);
  options.log.answered(session.id, answered, options.now() - startedMs);
}
