import { createHash, type Hash } from 'node:crypto';
import type { Session } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { isConnectionFailure } from '../errors.js';
import type { ByteReader } from '../protocol/byte-reader.js';
import { errorOf } from '../protocol/failures.js';
import { readMessage } from '../protocol/framing.js';
import { headerSchema, trailerSchema, type Header } from '../protocol/messages.js';
import type { EarlyRequest } from './early-request.js';
import { ask, type Asked } from './remote.js';
import type { Existing, Sink } from './sink.js';
import type { SinkWaits } from './sink-waits.js';
import { StallGuard } from './stall-guard.js';

export interface DownloadContext {
  readonly session: Session;
  readonly signal: AbortSignal;
  /** Longest wait for the next byte. */
  readonly timeoutMs: number;
  readonly now: () => number;
  /** What was asked with the hello. */
  readonly early?: EarlyRequest;
  /** When this end is busy, shared by all downloads of the session: what holds up one holds up the others. */
  readonly waits?: SinkWaits;
  /** It is known how much there is, and where this run begins. */
  readonly onHeader?: (size: number, offset: number) => void;
  /** An earlier part is looked at, here or at the server, before content comes. */
  readonly onChecking?: (checked: number, of: number) => void;
  /** Content came, in order. */
  readonly onContent?: (bytes: number) => void;
  /** Tells the user something in one line. */
  readonly say?: (line: string) => void;
}

export interface Downloaded {
  /** Of the whole file, bytes. */
  readonly size: number;
  /** Where this run began; 0 unless it resumed an earlier one. */
  readonly offset: number;
  readonly sha256: string;
}

/** As much as is taken from the stream between two looks at the clock. */
const MAX_CHUNK_BYTES = 1024 * 1024;
/** Progress of a check at the server that counts as a sign of life. */
const MIN_CHECKED_BYTES = 1024 * 1024;
/** A server hashes the whole file beside sending it; on a slow disk that may take longer. */
const SLOWEST_HASH_BYTES_PER_MS = 50_000;

/** Downloads one file into `sink`: whole and verified, or it throws and the sink keeps what is worth keeping. */
export async function download(path: string, sink: Sink, context: DownloadContext): Promise<Downloaded> {
  const existing = await openSink(sink, context);
  const { now, signal: outer, waits } = context;
  const guard = new StallGuard(context.timeoutMs, { now, outer, ...(waits && { waits }) });
  try {
    const asked = await askFor(path, existing, context, guard.signal);
    return await receive(path, asked, { existing, sink, context, guard });
  } catch (error) {
    const reason = guard.explain(error);
    await (isWrongContent(reason) ? sink.discard() : sink.suspend());
    throw reason;
  } finally {
    guard.end();
  }
}

/** Takes as long as it takes: the digest of a large part is a matter of the local disk. */
async function openSink(sink: Sink, { signal, onChecking }: DownloadContext): Promise<Existing> {
  try {
    return await sink.open(signal, onChecking);
  } catch (error) {
    await sink.suspend();
    throw signal.aborted ? signal.reason : error;
  }
}

async function askFor(
  path: string,
  { offset, etag, hash }: Existing,
  { session, early }: Pick<DownloadContext, 'session' | 'early'>,
  signal: AbortSignal,
): Promise<Asked> {
  const resume =
    offset === 0
      ? {}
      : { progress: true, prefixSha256: hash.copy().digest('hex'), ...(etag === undefined ? {} : { etag }) };
  return ask(session, { op: 'get', path, offset, apart: true, ...resume }, signal, early);
}

interface Receiving {
  readonly existing: Existing;
  readonly sink: Sink;
  readonly context: DownloadContext;
  readonly guard: StallGuard;
}

async function receive(path: string, { stream, reader }: Asked, receiving: Receiving): Promise<Downloaded> {
  const { existing, sink, context, guard } = receiving;
  try {
    const header = await readHeader(path, reader, existing.offset, { guard, context });
    context.onHeader?.(header.size, header.offset);
    await guard.whileBusy(sink.begin(header));
    const hash = await readContent(header, reader, receiving);
    guard.allow(context.timeoutMs + header.size / SLOWEST_HASH_BYTES_PER_MS);
    const sha256 = hash.copy().digest('hex');
    await confirm(path, reader, { header, sha256, context, guard });
    await sink.commit();
    return { size: header.size, offset: header.offset, sha256 };
  } catch (error) {
    stream.stopSending();
    throw error;
  }
}

/** `asked`: the offset that was asked for. */
async function readHeader(
  path: string,
  reader: ByteReader,
  asked: number,
  { guard, context }: Pick<Receiving, 'guard' | 'context'>,
): Promise<Header> {
  let checked = 0;
  for (;;) {
    const header = await readMessage(reader, headerSchema, 'the header', guard.signal);
    if (header === null) {
      throw new KwikError('ERR_KWIK_INVALID_MESSAGE', 'the server ended the stream without an answer');
    }
    if (!header.ok) throw errorOf(header, path);
    if ('checked' in header) {
      // Only what gets on is a sign of life, or a server could keep us waiting for ever.
      if (header.checked >= checked + MIN_CHECKED_BYTES) {
        checked = header.checked;
        guard.touch();
      }
      context.onChecking?.(header.checked, header.of);
      continue;
    }
    if (header.offset > header.size || (header.offset !== 0 && header.offset !== asked)) {
      throw new KwikError(
        'ERR_KWIK_PROTOCOL_VIOLATION',
        `the server offers ${path} from byte ${header.offset}, which was not asked for`,
      );
    }
    return header;
  }
}

/** Passes the content on to the sink; returns the digest state of the whole file. */
async function readContent(header: Header, reader: ByteReader, receiving: Receiving): Promise<Hash> {
  const { existing, sink, context, guard } = receiving;
  // The sink's own state, so that it need not read its part again when this session is lost.
  const hash = header.offset === existing.offset ? existing.hash : createHash('sha256');
  let left = header.size - header.offset;
  while (left > 0) {
    const chunk = await reader.readSome(Math.min(left, MAX_CHUNK_BYTES), guard.signal);
    if (chunk === null) throw new KwikError('ERR_KWIK_SOURCE_FAILED', `the content ended ${left} bytes early`);
    context.onContent?.(chunk.length);
    guard.touch();
    left -= chunk.length;
    hash.update(chunk);
    await guard.whileBusy(sink.write(chunk));
  }
  return hash;
}

interface Confirming {
  readonly header: Header;
  /** Of the whole file as it is here. */
  readonly sha256: string;
  readonly context: DownloadContext;
  readonly guard: StallGuard;
}

/**
 * Compares the whole with what the server says of it. If the server is lost at this very point, content that came in one
 * session stands: each byte came from the primary itself, or was checked against a digest from it.
 */
async function confirm(path: string, reader: ByteReader, confirming: Confirming): Promise<void> {
  const { header, sha256, context, guard } = confirming;
  try {
    if (header.apart === true) await checkApart(path, confirming);
    else await checkTrailer(path, reader, sha256, guard.signal);
  } catch (error) {
    if (isWrongContent(error) && (await isRightAfterAll(path, confirming))) return;
    if (guard.signal.aborted || header.offset > 0 || !isConnectionFailure(error)) throw error;
    context.say?.(`${path}: the server was lost before it confirmed the whole file; every block of it was verified`);
  }
}

/**
 * A server may have told a digest that it remembered from before the file changed without its times changing. Asked to
 * look again, it says whether what is here is the file.
 */
async function isRightAfterAll(path: string, confirming: Confirming): Promise<boolean> {
  try {
    return await askWhether(path, confirming, true);
  } catch (error) {
    if (confirming.guard.signal.aborted) throw error;
    return false;
  }
}

/** Nothing follows the content: the server is asked whether what is here is the file, and may be another one by now. */
async function checkApart(path: string, confirming: Confirming): Promise<void> {
  if (!(await askWhether(path, confirming, false))) throw mismatch(path);
}

/** Whether the server has just this content, whole; `recheck`: it looks at the file anew. */
async function askWhether(
  path: string,
  { header: { size, etag }, sha256, context, guard }: Confirming,
  recheck: boolean,
): Promise<boolean> {
  const what = { op: 'get', path, offset: size, etag, prefixSha256: sha256, progress: true };
  const { stream, reader } = await ask(context.session, { ...what, ...(recheck && { recheck }) }, guard.signal);
  try {
    const again = await readHeader(path, reader, size, { guard, context });
    if (size === 0 || again.offset !== size || again.size !== size) return false;
    guard.allow(context.timeoutMs + size / SLOWEST_HASH_BYTES_PER_MS);
    await checkTrailer(path, reader, sha256, guard.signal);
    return true;
  } finally {
    stream.stopSending();
  }
}

async function checkTrailer(path: string, reader: ByteReader, sha256: string, signal: AbortSignal): Promise<void> {
  const trailer = await readMessage(reader, trailerSchema, 'the trailer', signal);
  if (trailer === null) {
    throw new KwikError('ERR_KWIK_INVALID_MESSAGE', `${path}: the server ended the stream before the digest`);
  }
  if (!trailer.ok) throw errorOf(trailer, path);
  if (trailer.sha256 !== sha256) throw mismatch(path);
}

function mismatch(path: string): KwikError {
  return new KwikError(
    'ERR_KWIK_DIGEST_MISMATCH',
    `${path}: the content does not match the server's SHA-256; it was thrown away, try again`,
  );
}

/** A part that is known to be wrong must not be resumed. */
function isWrongContent(error: unknown): boolean {
  return error instanceof KwikError && error.code === 'ERR_KWIK_DIGEST_MISMATCH';
}
