/** A client process: opens many sessions, or connections of the bare driver, and keeps them. */
import { Endpoint } from '@kwik/quic';
import { dial, type Session } from '@kwik/session';
import type { PathTransport } from '@kwik/wire';
import { answerParent } from '../../harness/child.js';
import { Pattern, PatternReader } from '../../harness/pattern.js';
import { bulkRequest, echoMessage } from './protocol.js';

/** Handshakes and echoes under way at once in this process. */
const CONCURRENCY = 64;
const CONNECTIONS_PER_SOCKET = 32;

export interface OpenTask {
  readonly port: number;
  readonly count: number;
  /** PEM of the certificate to trust. */
  readonly ca: string;
  /**
   * Handshakes under way at once. Default: 64. A server lets one address have 500, of all client processes: of more the oldest give way. From 256
   * on it asks for a proof of the address, which is a round trip more.
   */
  readonly atOnce?: number;
}

export interface OpenResult {
  readonly opened: number;
  readonly seconds: number;
  /** Why the first that failed did. */
  readonly failure?: string;
}

const sessions: Session[] = [];
const connections: PathTransport[] = [];
const endpoints: Endpoint[] = [];

function openSessions({ port, count, ca, atOnce }: OpenTask): Promise<OpenResult> {
  return measured({ count, atOnce }, async () => {
    sessions.push(await dial({ host: '127.0.0.1', port }, { trust: { ca } }));
  });
}

/** As many to a socket as of sessions, and bound within the time that is measured, as theirs are. */
function openConnections({ port, count, ca, atOnce }: OpenTask): Promise<OpenResult> {
  const bound: Promise<Endpoint>[] = [];
  let opened = 0;
  return measured({ count, atOnce }, async () => {
    const endpoint = await (bound[Math.floor(opened++ / CONNECTIONS_PER_SOCKET)] ??= bindOne());
    const connection = await endpoint.dial({ host: '127.0.0.1', port, trust: { ca } });
    connection.attach({ onStream: () => undefined, onSendable: () => undefined, onClose: () => undefined });
    connections.push(connection);
  });
}

async function bindOne(): Promise<Endpoint> {
  const endpoint = await Endpoint.bind();
  endpoints.push(endpoint);
  return endpoint;
}

async function measured(
  { count, atOnce }: Pick<OpenTask, 'count'> & { readonly atOnce: number | undefined },
  open: () => Promise<void>,
): Promise<OpenResult> {
  const start = performance.now();
  const { done, failure } = await inParallel(count, open, atOnce);
  const seconds = (performance.now() - start) / 1000;
  return { opened: done, seconds, ...(failure !== undefined && { failure }) };
}

export interface EchoResult {
  /** How many sessions sent back what they were sent. */
  readonly echoed: number;
  /** What each took. */
  readonly tookMs: readonly number[];
  readonly failure?: string;
}

async function echoAll(): Promise<EchoResult> {
  const tookMs: number[] = [];
  const { done, failure } = await inParallel(sessions.length, async (index) => {
    const startMs = performance.now();
    await echo(sessions[index]!, index);
    tookMs.push(performance.now() - startMs);
  });
  return { echoed: done, tookMs, ...(failure !== undefined && { failure }) };
}

export interface FairResult {
  /** Sessions that had it all. */
  readonly served: number;
  /** Bytes that each session had when half of all had come. */
  readonly shares: readonly number[];
  readonly failure?: string;
}

/** All sessions want so many bytes at once. */
async function fetchAtOnce(bytes: number): Promise<FairResult> {
  const had = sessions.map(() => 0);
  const half = (bytes * sessions.length) / 2;
  let [sum, shares, failure] = [0, had, undefined as string | undefined];
  const fetch = async (session: Session, index: number): Promise<void> => {
    try {
      const stream = session.openStream();
      await stream.write(bulkRequest(bytes));
      await stream.close();
      for await (const chunk of stream) {
        had[index]! += chunk.length;
        if (sum < half && sum + chunk.length >= half) shares = [...had];
        sum += chunk.length;
      }
    } catch (error) {
      failure ??= error instanceof Error ? error.message : String(error);
    }
  };
  await Promise.all(sessions.map(fetch));
  if (sum !== bytes * sessions.length) failure ??= `${sum} of ${bytes * sessions.length} bytes arrived`;
  const served = had.filter((count) => count === bytes).length;
  return { served, shares, ...(failure !== undefined && { failure }) };
}

async function echo(session: Session, index: number): Promise<void> {
  const message = echoMessage(index);
  const stream = session.openStream();
  await stream.write(message);
  await stream.close();
  const parts: Uint8Array[] = [];
  for await (const chunk of stream) parts.push(chunk);
  if (message.compare(Buffer.concat(parts)) !== 0) throw new Error(`session ${index} got other bytes back`);
}

/** Seconds for `bytes` on the first session, each of them looked at. */
async function fetchBulk(bytes: number): Promise<number> {
  const session = sessions[0];
  if (session === undefined) throw new Error('no session is open');
  const reader = new PatternReader(new Pattern());
  const start = performance.now();
  const stream = session.openStream();
  await stream.write(bulkRequest(bytes));
  await stream.close();
  for await (const chunk of stream) reader.read(chunk);
  if (reader.bytes !== bytes) throw new Error(`${reader.bytes} of ${bytes} bytes arrived`);
  return (performance.now() - start) / 1000;
}

async function inParallel(
  count: number,
  work: (index: number) => Promise<void>,
  atOnce = CONCURRENCY,
): Promise<{ readonly done: number; readonly failure?: string }> {
  let next = 0;
  let done = 0;
  let failure: string | undefined;
  const worker = async (): Promise<void> => {
    while (next < count) {
      try {
        await work(next++);
        done++;
      } catch (error) {
        failure ??= error instanceof Error ? error.message : String(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return { done, ...(failure !== undefined && { failure }) };
}

async function closeAll(): Promise<void> {
  await Promise.all(sessions.splice(0).map((session) => session.close()));
  for (const connection of connections.splice(0)) connection.close(0, 'done');
  await Promise.all(endpoints.splice(0).map((endpoint) => endpoint.close()));
}

export const calls = answerParent({
  openSessions,
  openConnections,
  echoAll,
  fetchAtOnce,
  fetchBulk,
  closeAll,
  alive: () => sessions.filter((session) => session.getActivePaths().length > 0).length,
});

export type ClientCalls = typeof calls;
