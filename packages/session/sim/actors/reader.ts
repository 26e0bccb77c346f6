import type { ProcessClock } from '@kwik/testbed';
import { KwikError } from '@kwik/wire';
import type { Stream } from '../../src/api/session.js';
import type { ReaderPlan } from '../plan/plan.js';
import type { World } from '../world/world.js';

export interface Reading {
  readonly name: string;
  /** What must come, byte for byte. */
  readonly expected: Uint8Array;
  readonly reader: ReaderPlan;
  /** Codes with which the other side may give the stream up. */
  readonly resets: readonly number[];
  /** The other side gives the stream up in any case. */
  readonly mustReset: boolean;
}

/** A slow reader rests so many times. */
const SLOW_PAUSES = 50;

/** Reads a stream to its end, and holds each byte against what must come. */
export async function readChecked(
  world: World,
  process: ProcessClock,
  stream: Stream,
  reading: Reading,
): Promise<void> {
  const { name, reader, expected } = reading;
  if (reader.kind === 'stalled') await world.untilReleased();
  let at = 0;
  let pauseAt = 0;
  for (;;) {
    if (reader.kind === 'stop' && at >= reader.atByte) {
      stream.stopSending(reader.code);
      world.trace.note(`${name}: stopped reading at ${at}`);
      return;
    }
    const chunk = await readOrReset(world, stream, reading);
    if (chunk === 'reset') {
      world.trace.note(`${name}: reset after ${at}`);
      break;
    }
    if (chunk === null) {
      if (at !== expected.length) world.violate('a stream ends at its end', `${name}: at ${at} of ${expected.length}`);
      if (reading.mustReset) world.violate('a reset stream has no end', `${name}: ended at ${at}`);
      world.trace.note(`${name}: complete, ${at} bytes`);
      break;
    }
    if (chunk.length === 0) world.violate('a read gives bytes', `${name}: an empty chunk at ${at}`);
    if (!Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).equals(expected.subarray(at, at + chunk.length))) {
      world.violate(
        'bytes are exact, once and in order',
        `${name}: ${chunk.length} bytes at ${at} are not those written`,
      );
    }
    at += chunk.length;
    world.progress.set(name, ` (at ${at} of ${expected.length})`);
    // Not after each of a thousand single bytes: a slow reader, not one that never ends.
    if (reader.kind === 'slow' && at >= pauseAt) {
      await world.pause(process, reader.pauseMs);
      pauseAt = at + expected.length / SLOW_PAUSES;
    }
  }
  await expectNothingMore(world, stream, name);
}

async function readOrReset(
  world: World,
  stream: Stream,
  { name, resets }: Reading,
): Promise<Uint8Array | null | 'reset'> {
  try {
    return await stream.read();
  } catch (error) {
    if (!(error instanceof KwikError) || error.code !== 'ERR_KWIK_STREAM_RESET') throw error;
    const code = Number(/\(code (\d+)\)/.exec(error.message)?.[1] ?? Number.NaN);
    if (!resets.includes(code)) world.violate('nobody else resets a stream', `${name}: ${error.message}`);
    return 'reset';
  }
}

/** After an end or a reset nothing comes any more. */
async function expectNothingMore(world: World, stream: Stream, name: string): Promise<void> {
  try {
    const more = await stream.read();
    if (more !== null) world.violate('nothing comes after the end', `${name}: ${more.length} bytes`);
  } catch (error) {
    if (!(error instanceof KwikError)) throw error;
  }
}
