import type { ProcessClock } from '@kwik/testbed';
import { KwikError } from '@kwik/wire';
import type { Session, Stream, StreamIntent, StreamOptions } from '../../src/api/session.js';
import type { DirectionPlan, Side, StreamPlan } from '../plan/plan.js';
import { bytesOf } from '../world/content-bytes.js';
import type { World } from '../world/world.js';
import { readChecked } from './reader.js';
import { writePlanned } from './writer.js';

const RETRY_MS = 50;
/** By the seed of what is written: half of the streams want something particular. */
const INTENTS: readonly StreamIntent[] = [
  {},
  { mode: 'fast' },
  {},
  { mode: 'reliable' },
  {},
  { deadlineMs: 30 },
  {},
  { mode: 'reliable', affinity: 0, deadlineMs: 100 },
];

/** One end of the session: where it runs, and as what. */
export interface End {
  readonly side: Side;
  readonly session: Session;
  readonly process: ProcessClock;
}

/** Opens the streams that the plan gives to this end. `other` is looked up when the other end accepts. */
export function runStreams(world: World, end: End, other: () => End): void {
  for (const plan of world.plan.streams) {
    if (plan.opener !== end.side) continue;
    world.task(`${plan.name} open`, end.process, async () => {
      await world.pause(end.process, plan.startMs);
      const intent = INTENTS[plan.forward.seed % INTENTS.length]!;
      const options = { unidirectional: plan.backward === undefined, priority: plan.priority, intent };
      const stream = await open(world, end, plan.sync, options);
      world.trace.note(`${plan.name}: opened as ${stream.id} by the ${end.side}`);
      world.expectStream(stream.id, end.side, (accepted) => attach(world, other(), accepted, plan, 'acceptor'));
      attach(world, end, stream, plan, 'opener');
    });
  }
}

/** Waits for credit in one of the two ways. */
export async function open(world: World, end: End, sync: boolean, options: StreamOptions): Promise<Stream> {
  if (sync) return end.session.openStreamSync(options);
  for (;;) {
    try {
      return end.session.openStream(options);
    } catch (error) {
      if (!(error instanceof KwikError) || error.code !== 'ERR_KWIK_STREAM_LIMIT') throw error;
    }
    await world.pause(end.process, RETRY_MS);
  }
}

function attach(world: World, end: End, stream: Stream, plan: StreamPlan, as: 'opener' | 'acceptor'): void {
  const [out, back] = as === 'opener' ? [plan.forward, plan.backward] : [plan.backward, plan.forward];
  const label = `${plan.name} ${as}`;
  if (out !== undefined) {
    const stalled = out.reader.kind === 'stalled';
    const work = () => writePlanned(world, end.process, stream, out, `${label} write`);
    world.task(`${label} write`, end.process, work, { stalled });
  }
  if (back === undefined) return;
  const work = () => readChecked(world, end.process, stream, readingOf(back, `${label} read`));
  world.task(`${label} read`, end.process, work, { stalled: back.reader.kind === 'stalled' });
}

function readingOf(plan: DirectionPlan, name: string) {
  return {
    name,
    expected: bytesOf(plan.seed, plan.size),
    reader: plan.reader,
    resets: plan.reset === undefined ? [] : [plan.reset.code],
    mustReset: plan.reset !== undefined,
  };
}
