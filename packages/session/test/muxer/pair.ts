import type { Session, SessionLimits, Stream } from '@kwik/session';
import type { LinkShape } from '@kwik/testbed';
import { pattern } from '../harness.js';
import { SimulatedWorld } from '../simulated-world.js';

/** Every case runs with the opener of the streams at either end. */
export const OPENERS = ['dialler', 'listener'] as const;
export type Opener = (typeof OPENERS)[number];

const FAST: LinkShape = { both: { rateBitsPerSecond: 100e6, delayMs: 5, queueBytes: 400_000 } };
/** Pieces are lost, and overtake each other. */
export const ROUGH: LinkShape = { both: { ...FAST.both, lossRate: 0.03, reorderRate: 0.1, reorderDelayMs: 15 } };

/** What a muxer suite needs of a session: both its ends, and time, which passes only where a case says so. */
export interface MuxerPair {
  readonly near: Session;
  readonly far: Session;
  /** Lets time pass until the promise settles. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>;
  readonly pass: (ms: number) => Promise<void>;
}

export interface MuxerOptions {
  readonly link?: LinkShape;
  readonly limits?: SessionLimits;
}

/** Both ends of a session; `near` is the one that opens. */
export async function muxerPair(opener: Opener, { link = FAST, limits = {} }: MuxerOptions = {}): Promise<MuxerPair> {
  const world = new SimulatedWorld(5);
  const server = world.server('listener', link, { limits });
  const dialler = await world.dial(server.address, { limits });
  const listener = server.sessions[0]!;
  const [near, far] = opener === 'dialler' ? [dialler, listener] : [listener, dialler];
  return { near, far, settle: (promise) => world.settle(promise), pass: (ms) => world.pass(ms) };
}

/** A stream at both ends; nothing has been written. */
export async function openedStream({ near, far, settle }: MuxerPair): Promise<[Stream, Stream]> {
  const mine = near.openStream();
  return [mine, await settle(far.acceptStream())];
}

/** Sends back what comes on the next `count` streams, each until its end; resolves when all of it has been delivered. */
export async function echoStreams(session: Session, count: number): Promise<void> {
  const echoes: Promise<void>[] = [];
  while (echoes.length < count) echoes.push(echo(await session.acceptStream()));
  await Promise.all(echoes);
}

async function echo(stream: Stream): Promise<void> {
  for await (const chunk of stream) await stream.write(chunk);
  await stream.close();
}

/** Reads to the end. */
export async function readToEnd(stream: Stream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Writes the messages one behind the other, ends, and gives what comes back until the end. */
export async function sendAndEnd(stream: Stream, messages: readonly Uint8Array[]): Promise<Buffer> {
  const writing = (async () => {
    for (const message of messages) await stream.write(message);
    await stream.close();
  })();
  const [answer] = await Promise.all([readToEnd(stream), writing]);
  return answer;
}

/** Reads messages of known lengths from one stream, as a program with length prefixes would. */
export class MessageReader {
  readonly #stream: Stream;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** As many bytes, or what there was before the end. */
  async next(length: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [this.#rest];
    let bytes = this.#rest.length;
    while (bytes < length) {
      const chunk = await this.#stream.read();
      if (chunk === null) break;
      chunks.push(chunk);
      bytes += chunk.length;
    }
    const all = Buffer.concat(chunks);
    this.#rest = all.subarray(length);
    return all.subarray(0, length);
  }
}

/** Lengths from 1 B to 256 kB, both ends of the scale among any nine in a row. */
const LENGTHS = [1, 2, 300, 1200, 262_144, 70, 5000, 16_385, 65_536] as const;
const SHORT_LENGTHS = [1, 70, 2, 1200, 300, 5000, 16_385] as const;

export function message(index: number): Uint8Array {
  return pattern(LENGTHS[index % LENGTHS.length]!, index + 1);
}

/** Where there are many: one in a hundred has 256 kB. */
export function oneOfMany(index: number): Uint8Array {
  return pattern(index % 100 === 50 ? 262_144 : SHORT_LENGTHS[index % SHORT_LENGTHS.length]!, index + 1);
}

/** What has become of each promise by now: a value, or the code of its error. */
export function outcomes(promises: readonly Promise<unknown>[]): unknown[] {
  const result: unknown[] = promises.map(() => 'pending');
  promises.forEach((promise, index) => {
    promise.then(
      (value) => (result[index] = value),
      (error: unknown) => (result[index] = (error as { code?: unknown }).code ?? error),
    );
  });
  return result;
}

/** An error of this code; `applicationCode` is what the other end's application gave with it. */
export function failure(code: string, applicationCode?: number): object {
  return applicationCode === undefined ? { code } : { code, applicationCode };
}
