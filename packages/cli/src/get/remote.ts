import type { Session, Stream } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { abortable } from '../abortable.js';
import { ByteReader } from '../protocol/byte-reader.js';
import { errorOf } from '../protocol/failures.js';
import { encodeRequest, readMessage } from '../protocol/framing.js';
import {
  pageSchema,
  serversAnswerSchema,
  type ListEntry,
  type ListPage,
  type Omission,
  type ServersAnswer,
} from '../protocol/messages.js';
import type { EarlyRequest } from './early-request.js';
import { StallGuard } from './stall-guard.js';

/** As many as a server lists; more would only fill our memory. */
const MAX_ENTRIES = 100_000;
/** Of their names in all: 160 each for the most files, or 4,000 of the longest paths. */
const MAX_NAME_CHARACTERS = 16_000_000;

/** The whole of a listing may take so many times the longest wait for one page of it. */
const LISTING_TIMEOUTS = 10;

/** How long the answer to a request may take. */
export interface Waiting {
  readonly signal: AbortSignal;
  /** Longest wait for the next message. */
  readonly timeoutMs: number;
  readonly now: () => number;
  /** What was asked with the hello. */
  readonly early?: EarlyRequest;
}

/** A stream on which one request was sent. */
export interface Asked {
  readonly stream: Stream;
  readonly reader: ByteReader;
}

/** Opens a stream and sends the request that it is for, unless `early` is that request. */
export async function ask(
  session: Session,
  request: object,
  signal: AbortSignal,
  early?: EarlyRequest,
): Promise<Asked> {
  const bytes = encodeRequest(request);
  const begun = early?.take(bytes);
  if (begun !== undefined) return { stream: begun, reader: new ByteReader(begun) };
  const stream = await session.openStreamWhenReady({ signal });
  // A server that grants no room for the request is as silent as one that does not answer.
  await abortable(stream.write(bytes), signal);
  // The end of our side need not be waited for: the answer shows that the request arrived.
  stream.close().catch(() => undefined);
  return { stream, reader: new ByteReader(stream) };
}

/** What a server says is below a folder. */
export interface Listing {
  readonly entries: readonly ListEntry[];
  /** What it could not look at, or what no request can name. */
  readonly omitted: readonly Omission[];
}

/** The files below a folder of the server. */
export async function listRemote(session: Session, path: string, waiting: Waiting): Promise<Listing> {
  const guard = new StallGuard(waiting.timeoutMs, { now: waiting.now, outer: waiting.signal });
  try {
    return await readListing(session, path, guard, waiting);
  } catch (error) {
    throw guard.explain(error);
  } finally {
    guard.end();
  }
}

async function readListing(session: Session, path: string, guard: StallGuard, waiting: Waiting): Promise<Listing> {
  const { signal } = guard;
  const lateMs = waiting.now() + LISTING_TIMEOUTS * waiting.timeoutMs;
  const { stream, reader } = await ask(session, { op: 'list', path }, signal, waiting.early);
  const entries: ListEntry[] = [];
  const omitted: Omission[] = [];
  let characters = 0;
  try {
    for (;;) {
      const page = await readMessage(reader, pageSchema, 'the listing', signal);
      if (page === null) throw new KwikError('ERR_KWIK_INVALID_MESSAGE', 'the listing ended early');
      if (!page.ok) throw errorOf(page, path === '' ? '/' : path);
      checkProgress(page, waiting.now() > lateMs);
      guard.touch();
      entries.push(...page.entries);
      omitted.push(...(page.omitted ?? []));
      if (entries.length + omitted.length > MAX_ENTRIES)
        throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `the server lists more than ${MAX_ENTRIES} files`);
      characters += [...page.entries, ...(page.omitted ?? [])].reduce((sum, one) => sum + one.path.length, 0);
      if (characters > MAX_NAME_CHARACTERS)
        throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'the names that the server lists are too long together');
      if (!page.more) return { entries, omitted };
    }
  } finally {
    stream.stopSending();
  }
}

/** A server that sends pages for ever, or one name a minute, would hold us for ever. */
function checkProgress({ entries, omitted = [], more }: ListPage, late: boolean): void {
  if (more && entries.length + omitted.length === 0) {
    throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', 'the server sends a listing without names in it');
  }
  if (more && late) {
    throw new KwikError('ERR_KWIK_TIMEOUT', 'the server takes too long to list its files; allow more with --timeout');
  }
}

/** Asks the primary to add servers that the user named. */
export async function addServers(
  session: Session,
  servers: readonly string[],
  signal: AbortSignal,
): Promise<ServersAnswer> {
  const { stream, reader } = await ask(session, { op: 'add-servers', servers }, signal);
  try {
    const answer = await readMessage(reader, serversAnswerSchema, "the server's answer", signal);
    if (answer === null) throw new KwikError('ERR_KWIK_INVALID_MESSAGE', 'the server did not answer');
    if (!answer.ok) throw errorOf(answer, 'adding servers');
    return answer;
  } finally {
    stream.stopSending();
  }
}
