import type { ProcessClock } from '@kwik/testbed';
import { KwikError } from '@kwik/wire';
import type { ServerSession, Session, Stream } from '../../src/api/session.js';
import type { ReaderPlan } from '../plan/plan.js';
import { bytesOf } from '../world/content-bytes.js';
import type { World } from '../world/world.js';
import { sourceOf } from './content.js';
import { readChecked } from './reader.js';

/** Ends the name of what is asked for; what follows is to be sent back. */
const END_OF_NAME = '|'.charCodeAt(0);
/** A request is lost with its primary at the most, and there are not so many of those. */
const MAX_ATTEMPTS = 20;
const RETRY_MS = 100;

export interface RequestsOptions {
  readonly session: Session;
  readonly process: ProcessClock;
  /** No server is left that could have the session. */
  readonly mayEnd: () => boolean;
}

interface Request {
  readonly name: string;
  readonly startMs: number;
  readonly priority?: number;
  readonly reader: ReaderPlan;
  readonly pieces: readonly Uint8Array[];
  readonly pauseMs: number;
  readonly expected: Uint8Array;
}

/** What a client asks for by streams of its own, and asks for again when they are lost with their primary. */
export class Requests {
  readonly #world: World;
  readonly #options: RequestsOptions;

  constructor(world: World, options: RequestsOptions) {
    this.#world = world;
    this.#options = options;
  }

  start(): void {
    const { contents, streams } = this.#world.plan;
    for (const { name, startMs, reader, seed, size } of contents)
      this.#run({ name, startMs, reader, pieces: [], pauseMs: 0, expected: bytesOf(seed, size) });
    for (const { name, startMs, priority, forward } of streams) {
      const { seed, size, chunkBytes, reader, pauseMs } = forward;
      const expected = bytesOf(seed, size);
      const pieces = Array.from({ length: Math.ceil(size / chunkBytes) }, (_, index) =>
        expected.subarray(index * chunkBytes, (index + 1) * chunkBytes),
      );
      this.#run({ name, startMs, priority, reader, pieces, pauseMs, expected });
    }
  }

  #run(request: Request): void {
    const { process } = this.#options;
    this.#world.task(request.name, process, async () => {
      await this.#world.pause(process, request.startMs);
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
        if (await this.#attempt(request)) return;
        await this.#world.pause(process, RETRY_MS);
      }
      this.#world.violate('a request is lost with its primary alone', `${request.name} was asked for again and again`);
    });
  }

  /** False: it is to be asked for again. */
  async #attempt(request: Request): Promise<boolean> {
    const { session, process } = this.#options;
    const { name, priority = 3, reader, expected } = request;
    try {
      const stream = await session.openStreamWhenReady({ priority });
      this.#world.trace.note(`${name}: asked for in stream ${stream.id}`);
      const asking = this.#ask(stream, request);
      // The reader hears of it, too.
      asking.catch(() => undefined);
      await readChecked(this.#world, process, stream, { name, expected, reader, resets: [], mustReset: false });
      return true;
    } catch (error) {
      const { code, message } = KwikError.from(error);
      this.#world.trace.note(`${name}: ${code} ${message}`);
      if (code !== 'ERR_KWIK_NO_PATH' || this.#options.mayEnd()) throw error;
      return false;
    }
  }

  async #ask(stream: Stream, { name, pieces, pauseMs }: Request): Promise<void> {
    await stream.write(`${name}|`);
    for (const piece of pieces) {
      await stream.write(piece);
      if (pauseMs > 0) await this.#world.pause(this.#options.process, pauseMs);
    }
    await stream.close();
  }
}

/** Answers what the client asks for, until the session ends: contents end with their streams. */
export function serveRequests(world: World, session: ServerSession): void {
  const serving = async (): Promise<never> => {
    for (;;) {
      const stream = await session.acceptStream();
      answer(world, stream).catch((error: unknown) => {
        if (!(error instanceof KwikError)) world.violate('errors are KwikErrors', String(error));
      });
    }
  };
  serving().catch(() => undefined);
}

async function answer(world: World, stream: Stream): Promise<void> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) chunks.push(chunk);
  const asked = Buffer.concat(chunks);
  const name = asked.subarray(0, asked.indexOf(END_OF_NAME)).toString();
  const content = world.plan.contents.find((one) => one.name === name);
  if (content !== undefined) {
    await stream.sendFrom(name, sourceOf(bytesOf(content.seed, content.size)), { end: true });
    return;
  }
  await stream.write(asked.subarray(name.length + 1));
  await stream.close();
}
