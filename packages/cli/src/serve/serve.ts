import { persistentResetKey } from '@kwik/session';
import type { Listener, ListenOptions, ReplicaContext, ReplicaSource, ServerSession } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { formatHostPort, parseHostPort } from '../address.js';
import { usageError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { Forwards } from '../forward/forwards.js';
import type { CliIo } from '../io.js';
import { decodeContentKey } from '../protocol/content-key.js';
import { startAdmin } from './admin.js';
import { readAccess } from './access.js';
import { openAudit, type AuditOptions } from '../audit/open-audit.js';
import { readCredentials } from './credentials.js';
import { FileSource } from './file-source.js';
import { HashCache } from './hash-cache.js';
import { ServeLog } from './serve-log.js';
import { type FolderOfFiles, NO_FOLDER } from './no-folder.js';
import { ServedFolder } from './served-folder.js';
import { serveSession } from './session-server.js';

export interface ServeOptions extends AuditOptions {
  /** A file with the policy of access. */
  readonly access?: string;
  /** `host:port`; port 0 lets the system choose. */
  readonly listen: string;
  readonly peer: readonly string[];
  readonly audience: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly allowClientServers: boolean;
  /** `host:port` each: where clients may have connections made to, and where they may have this server listen. */
  readonly forwardAllow: readonly string[];
  readonly forwardListen: readonly string[];
  /** `host:port` of the operator's page; none without it. */
  readonly admin?: string;
  readonly json: boolean;
  /** Internal: stop when standard input ends, so that a server never outlives the demo that started it. */
  readonly untilStdinEnds: boolean;
}

type Replica = NonNullable<ListenOptions['replica']>;

/** Clients that do not answer any more do not hold up the end. */
const CLOSE_TIMEOUT_MS = 2000;

/** `kwik serve`: runs until it is told to stop. */
export async function runServe(directory: string | undefined, options: ServeOptions, io: CliIo): Promise<ExitCode> {
  const { forwardAllow, forwardListen } = options;
  if (directory === undefined && forwardAllow.length === 0 && forwardListen.length === 0) {
    throw usageError('nothing to serve: name a folder, or where to forward to with --forward-allow HOST:PORT');
  }
  const peers = options.peer.map((peer) => formatHostPort(parseHostPort(peer)));
  const served = directory === undefined ? undefined : await ServedFolder.open(directory);
  const folder = served ?? NO_FOLDER;
  const log = new ServeLog(io, options.json);
  const access = options.access === undefined ? undefined : await readAccess(options.access);
  const audit = await openAudit(options);
  const guard = { guard: { ...(audit !== undefined && { audit }), ...(access !== undefined && { access }) } };
  const admin = await startAdmin(options, io, log);
  const replica: Replica = (key, context) => resolveReplica(key, context, folder, log);
  const listener = await listenOn({ ...options, ...guard }, io, log, replica).catch(async (error: unknown) => {
    await Promise.all([admin?.close(), audit?.close()]);
    throw error;
  });
  const sessions = new Set<ServerSession>();
  const stopped = stopRequest(io, options.untilStdinEnds);
  const { address, port } = listener.address();
  log.listening(formatHostPort({ host: address, port }), served?.root);
  if (admin !== undefined) log.adminAt(admin.url);
  const shared = {
    folder,
    hashes: new HashCache(folder),
    forwards: new Forwards({
      allow: forwardAllow.map((target) => parseHostPort(target)),
      listen: forwardListen.map((target) => parseHostPort(target, { allowZero: true })),
    }),
    policy: { peers, allowClientServers: options.allowClientServers },
    log,
    now: () => io.now(),
  };
  const accepting = (async () => {
    for await (const session of listener) {
      sessions.add(session);
      void serveSession(session, shared).finally(() => sessions.delete(session));
    }
  })();
  // The loop ends by itself only if the listener fails.
  const signal = await Promise.race([stopped, accepting.then(() => 'closed')]);
  await closeAll(listener, sessions);
  await admin?.close();
  await audit?.close();
  log.stopped(signal);
  return signal === 'closed' ? EXIT.failed : EXIT.ok;
}

async function listenOn(
  options: ServeOptions & Pick<ListenOptions, 'guard'>,
  io: CliIo,
  log: ServeLog,
  replica: Replica,
): Promise<Listener> {
  const { host, port } = parseHostPort(options.listen, { allowZero: true });
  const credentials = await readCredentials(options);
  const audiences = options.audience.map((audience) => formatHostPort(parseHostPort(audience)));
  const resetKey = await persistentResetKey();
  return io.network.listen({
    host,
    port,
    replica,
    onRefused: (error) => {
      if (error.code === 'ERR_KWIK_LIMIT_EXCEEDED') log.boundMet(error.message);
    },
    ...credentials,
    ...(options.guard !== undefined && { guard: options.guard }),
    identity: { audiences, ...(resetKey === undefined ? {} : { resetKey }) },
  });
}

/** As a peer: the part of our own copy that the primary's key names, if our copy can be the same file. */
async function resolveReplica(
  key: string,
  context: ReplicaContext,
  folder: FolderOfFiles,
  log: ServeLog,
): Promise<ReplicaSource | undefined> {
  const wanted = decodeContentKey(key);
  if (wanted === undefined) return undefined;
  try {
    const file = await folder.openFile(wanted.path);
    if (file.size === wanted.size)
      return new FileSource(file.handle, file.size, { offset: wanted.offset, owned: true });
    await file.handle.close();
    throw new KwikError(
      'ERR_KWIK_SOURCE_NOT_FOUND',
      `the copy here has ${file.size} bytes, the primary's ${wanted.size}`,
    );
  } catch (error) {
    log.replicaRefused(context.sessionId, wanted.path, error);
    return undefined;
  }
}

function stopRequest(io: CliIo, untilStdinEnds: boolean): Promise<string> {
  const interrupted = new Promise<string>((resolve) => {
    // Kept to the end: a second Ctrl-C during the closing changes nothing, the closing is short.
    io.onInterrupt(resolve);
  });
  return untilStdinEnds ? Promise.race([interrupted, io.stdinEnded().then(() => 'stdin ended')]) : interrupted;
}

async function closeAll(listener: Listener, sessions: ReadonlySet<ServerSession>): Promise<void> {
  const closing = (async () => {
    await Promise.allSettled([...sessions].map((session) => session.close(0, 'the server is stopping')));
    await listener.close({ force: true });
  })();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
  });
  await Promise.race([closing.catch(() => undefined), late]);
  clearTimeout(timer);
}
