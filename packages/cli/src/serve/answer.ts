import { createHash } from 'node:crypto';
import type { Stream } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { formatHostPort } from '../address.js';
import { ByteReader } from '../protocol/byte-reader.js';
import { encodeContentKey } from '../protocol/content-key.js';
import { failureOf } from '../protocol/failures.js';
import { encodeMessage, readMessage } from '../protocol/framing.js';
import {
  PROTOCOL_VERSION,
  anyRequestSchema,
  requestSchema,
  type Checking,
  type ConnectRequest,
  type ConnectUdpRequest,
  type GetRequest,
  type Header,
  type ListenRequest,
  type Omission,
  type Request,
  type ServersAnswer,
} from '../protocol/messages.js';
import { FileSource, readFully } from './file-source.js';
import type { HashCache } from './hash-cache.js';
import { inPages, listFiles } from './listing.js';
import type { FolderOfFiles } from './no-folder.js';
import { etagOf, type ServedFile } from './served-folder.js';

/** Below this, spreading over several servers costs more round trips than it saves. */
const SINGLE_SOURCE_BYTES = 64 * 1024;
/** A client that opens a stream and asks nothing gets no more of our time. */
const REQUEST_TIMEOUT_MS = 30_000;
const PROGRESS_INTERVAL_MS = 1000;
/** Omissions of one listing that the server's log names; the client hears of all. */
const MAX_TOLD_OMISSIONS = 20;
/** Application code of a reset: the content ended before its time. */
const RESET_FAILED = 1;

export interface FileService {
  readonly folder: FolderOfFiles;
  readonly hashes: HashCache;
  /** The session goes on at another server when this one is gone. */
  readonly hasStandby: boolean;
  addServers(servers: readonly string[]): ServersAnswer;
  readonly forward: ForwardService;
}

/** Takes the stream over for a connection, when it resolves. */
interface ForwardService {
  connect(stream: Stream, reader: ByteReader, request: ConnectRequest, signal: AbortSignal): Promise<void>;
  connectUdp(stream: Stream, reader: ByteReader, request: ConnectUdpRequest, signal: AbortSignal): Promise<void>;
  listen(stream: Stream, reader: ByteReader, request: ListenRequest, signal: AbortSignal): Promise<void>;
}

export interface Answered {
  readonly op: Request['op'] | 'unknown';
  readonly path: string;
  /** Content bytes that were sent. */
  readonly bytes: number;
  /** What the client had of the file already; left out where that was nothing. */
  readonly offset?: number;
  /** What a listing had to leave out. */
  readonly omitted?: readonly Omission[];
  /** Set if the request was refused or failed. */
  readonly error?: unknown;
  /** The client no longer wanted the answer, whatever failed then. */
  readonly unwanted?: boolean;
}

/** Reads one request from a stream and answers it. Never rejects: what went wrong is in the result. */
export async function answerStream(stream: Stream, service: FileService, signal: AbortSignal): Promise<Answered> {
  const reader = new ByteReader(stream);
  const left = leaving(stream, signal);
  let request: Request | undefined;
  let forwarded = false;
  try {
    request = await readRequest(reader, signal);
    if (isForward(request)) {
      await forward(stream, reader, request, { service, signal: left.signal, session: signal });
      forwarded = true;
      return { op: request.op, path: pathOf(request), bytes: 0 };
    }
    const done = await answer(stream, request, service, left.signal);
    await stream.close();
    return { op: request.op, path: pathOf(request), ...done };
  } catch (error) {
    // Asked before it is told: whoever has heard a refusal wants no more of it, either.
    const unwanted = left.byClient() || KwikError.from(error).code === 'ERR_KWIK_STREAM_STOPPED';
    await refuse(stream, error);
    const path = request === undefined ? '' : pathOf(request);
    return { op: request?.op ?? 'unknown', path, bytes: 0, error, unwanted };
  } finally {
    left.end();
    // One request per stream: nothing that still comes is of interest.
    if (!forwarded) stream.stopSending();
  }
}

interface Leaving {
  readonly signal: AbortSignal;
  /** Whether it is the client that wants no more, and not the session that has ended. */
  readonly byClient: () => boolean;
  readonly end: () => void;
}

/** Aborts when the session ends, or the client no longer wants the answer: work for it is work for nobody. */
function leaving(stream: Stream, session: AbortSignal): Leaving {
  const ended = new AbortController();
  const gone = new AbortController();
  stream.peerStopped({ signal: ended.signal }).then(
    (code) => {
      if (code !== undefined) gone.abort();
    },
    () => undefined,
  );
  return {
    signal: AbortSignal.any([session, gone.signal]),
    byClient: () => gone.signal.aborted,
    end: () => ended.abort(),
  };
}

async function readRequest(reader: ByteReader, signal: AbortSignal): Promise<Request> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
  const raw = await readMessage(reader, anyRequestSchema.loose(), 'the request', limited);
  if (raw === null) throw new KwikError('ERR_KWIK_INVALID_MESSAGE', 'the stream ended before the request');
  if (raw.v !== PROTOCOL_VERSION) {
    throw new KwikError('ERR_KWIK_UNSUPPORTED', `protocol version ${raw.v}; this server speaks ${PROTOCOL_VERSION}`);
  }
  const request = requestSchema.safeParse(raw);
  if (request.success) return request.data;
  if (!requestSchema.options.some((option) => option.shape.op.value === raw.op)) {
    throw new KwikError('ERR_KWIK_UNSUPPORTED', `the operation '${raw.op}' is not known here`);
  }
  const issue = request.error.issues[0];
  throw new KwikError(
    'ERR_KWIK_INVALID_MESSAGE',
    `the request is not valid (${issue?.path.join('.')}: ${issue?.message})`,
  );
}

type ForwardRequest = ConnectRequest | ConnectUdpRequest | ListenRequest;

function isForward(request: Request): request is ForwardRequest {
  return request.op === 'connect' || request.op === 'connect-udp' || request.op === 'listen';
}

/** A connection is not waited for longer than its client does; a port is listened on as long as its session lasts. */
function forward(
  stream: Stream,
  reader: ByteReader,
  request: ForwardRequest,
  { service, signal, session }: { service: FileService; signal: AbortSignal; session: AbortSignal },
): Promise<void> {
  if (request.op === 'connect') return service.forward.connect(stream, reader, request, signal);
  if (request.op === 'connect-udp') return service.forward.connectUdp(stream, reader, request, session);
  return service.forward.listen(stream, reader, request, session);
}

async function answer(
  stream: Stream,
  request: Exclude<Request, ForwardRequest>,
  service: FileService,
  signal: AbortSignal,
): Promise<Pick<Answered, 'bytes' | 'offset' | 'omitted'>> {
  switch (request.op) {
    case 'get':
      return await sendFile(stream, request, service, signal);
    case 'list':
      return { bytes: 0, omitted: await sendListing(stream, request.path, service, signal) };
    case 'add-servers':
      await stream.write(encodeMessage(service.addServers(request.servers)));
      return { bytes: 0 };
  }
}

/** The first omissions of the listing; as many as are worth a line in the log. */
async function sendListing(
  stream: Stream,
  path: string,
  { folder }: FileService,
  signal: AbortSignal,
): Promise<Omission[]> {
  const omitted: Omission[] = [];
  for await (const page of inPages(listFiles(folder, path, signal))) {
    omitted.push(...(page.omitted ?? []).slice(0, MAX_TOLD_OMISSIONS - omitted.length));
    await stream.write(encodeMessage(page));
  }
  return omitted;
}

async function sendFile(
  stream: Stream,
  request: GetRequest,
  service: FileService,
  signal: AbortSignal,
): Promise<Pick<Answered, 'bytes' | 'offset'>> {
  const file = await service.folder.openFile(request.path);
  try {
    const stopTelling =
      request.progress === true ? tellProgress(stream, file, request.offset, service.hashes) : undefined;
    const offset = await startOffset(file, request, service.hashes, signal).finally(() => stopTelling?.());
    const isSmall = file.size - offset < SINGLE_SOURCE_BYTES;
    const apart = !isSmall && service.hasStandby && request.apart === true;
    const send = isSmall ? sendSmall : sendLarge;
    await send(stream, { file, offset, apart }, service, signal);
    return { bytes: file.size - offset, ...(offset > 0 && { offset }) };
  } finally {
    await file.handle.close();
  }
}

/** Tells about once a second how far the check of the client's beginning is; the result ends it. */
function tellProgress(stream: Stream, file: ServedFile, length: number, hashes: HashCache): () => Promise<void> {
  let told = Promise.resolve();
  const timer = setInterval(() => {
    const checking: Checking = { ok: true, checked: hashes.progress(file, length), of: length };
    // One at a time; that the stream has ended shows where the header is written.
    told = told.then(() => stream.write(encodeMessage(checking))).catch(() => undefined);
  }, PROGRESS_INTERVAL_MS);
  return () => {
    clearInterval(timer);
    return told;
  };
}

/** Resuming is right only if what the client has is the beginning of this very file. */
async function startOffset(
  file: ServedFile,
  request: GetRequest,
  hashes: HashCache,
  signal: AbortSignal,
): Promise<number> {
  const { offset, etag, prefixSha256, recheck } = request;
  if (recheck === true) hashes.forget(file);
  if (offset === 0 || offset > file.size) return 0;
  if (etag === file.etag && recheck !== true) return offset;
  // Another server's copy, or the same content written anew: its bytes decide.
  if (prefixSha256 === undefined) return 0;
  return (await hashes.sha256(file, signal, offset)) === prefixSha256 ? offset : 0;
}

interface Part {
  readonly file: ServedFile;
  readonly offset: number;
  /** The stream ends with the content, so that it can end without this server: the client asks for the digest. */
  readonly apart: boolean;
}

/** Everything in one write, so that a thousand small files cost a thousand packets and not three times as many. */
async function sendSmall(stream: Stream, part: Part, { hashes }: FileService, signal: AbortSignal): Promise<void> {
  const { file, offset } = part;
  const content = await readFully(file.handle, offset, file.size - offset);
  const sha256 = offset === 0 ? createHash('sha256').update(content).digest('hex') : await hashes.sha256(file, signal);
  await checkUnchanged(file);
  const trailer = encodeMessage({ ok: true, sha256 });
  await stream.write(Buffer.concat([headerOf(part), content, trailer]));
}

/** Content from all servers of the session; the digest of the whole is computed meanwhile. */
async function sendLarge(stream: Stream, part: Part, { hashes }: FileService, signal: AbortSignal): Promise<void> {
  const { file, offset, apart } = part;
  await stream.write(headerOf(part));
  const stop = new AbortController();
  const digest = hashes.sha256(file, AbortSignal.any([signal, stop.signal]));
  // Awaited below, after the content, or not at all; until then a failure is nobody's.
  digest.catch(() => undefined);
  try {
    const key = encodeContentKey({ path: file.path, size: file.size, offset });
    await stream.sendFrom(key, new FileSource(file.handle, file.size, { offset, owned: false }), { end: apart });
  } catch (error) {
    stop.abort();
    breakOff(stream, error);
    throw error;
  }
  if (!apart) await stream.write(encodeMessage(await trailerOf(file, digest)));
}

async function trailerOf(file: ServedFile, digest: Promise<string>): Promise<object> {
  try {
    const sha256 = await digest;
    await checkUnchanged(file);
    return { ok: true, sha256 };
  } catch (error) {
    return failureOf(error);
  }
}

async function checkUnchanged(file: ServedFile): Promise<void> {
  if (etagOf(await file.handle.stat({ bigint: true })) !== file.etag) {
    throw new KwikError('ERR_KWIK_SOURCE_FAILED', 'the file changed while it was sent');
  }
}

function headerOf({ file, offset, apart }: Part): Uint8Array {
  const header: Header = { ok: true, size: file.size, etag: file.etag, offset, ...(apart && { apart }) };
  return encodeMessage(header);
}

/** Tells the client why, as far as the stream still allows. */
async function refuse(stream: Stream, error: unknown): Promise<void> {
  try {
    await stream.write(encodeMessage(failureOf(error)));
    await stream.close();
  } catch (failure) {
    breakOff(stream, failure);
  }
}

/** Where the session itself ends, its end is what the client is to hear of: it means that it can go on later. */
function breakOff(stream: Stream, error: unknown): void {
  if (KwikError.from(error).code !== 'ERR_KWIK_SESSION_CLOSED') stream.reset(RESET_FAILED);
}

function pathOf(request: Request): string {
  switch (request.op) {
    case 'add-servers':
      return request.servers.join(', ');
    case 'connect':
    case 'connect-udp':
    case 'listen':
      return formatHostPort(request);
    case 'get':
    case 'list':
      return request.path;
  }
}
