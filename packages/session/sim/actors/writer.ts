import type { ProcessClock } from '@kwik/testbed';
import { KwikError } from '@kwik/wire';
import type { Stream } from '../../src/api/session.js';
import type { DirectionPlan } from '../plan/plan.js';
import { bytesOf } from '../world/content-bytes.js';
import type { World } from '../world/world.js';

/** Writes one direction of a stream, and ends it as planned. */
export async function writePlanned(
  world: World,
  process: ProcessClock,
  stream: Stream,
  plan: DirectionPlan,
  name: string,
): Promise<void> {
  const bytes = bytesOf(plan.seed, plan.size);
  const end = plan.reset?.atByte ?? plan.size;
  try {
    for (let at = 0; at < end; at += plan.chunkBytes) {
      await stream.write(bytes.subarray(at, Math.min(end, at + plan.chunkBytes)));
      if (plan.pauseMs > 0) await world.pause(process, plan.pauseMs);
    }
    if (plan.reset === undefined) await stream.close();
  } catch (error) {
    if (!isStopped(error, plan)) throw error;
    world.trace.note(`${name}: the reader wanted no more`);
    // As an application does that is told so.
    if (plan.reset === undefined) stream.reset(plan.reader.kind === 'stop' ? plan.reader.code : 0);
  }
  if (plan.reset !== undefined) stream.reset(plan.reset.code);
  world.trace.note(`${name}: written`);
}

/** The reader may have stopped by plan; then writes fail, and that is all. */
function isStopped(error: unknown, plan: DirectionPlan): boolean {
  return plan.reader.kind === 'stop' && error instanceof KwikError && STOPPED.has(error.code);
}

const STOPPED: ReadonlySet<string> = new Set([
  'ERR_KWIK_STREAM_STOPPED',
  'ERR_KWIK_STREAM_RESET',
  'ERR_KWIK_STREAM_CLOSED',
]);
