import { KwikError } from '@kwik/wire';
import type { ReplicaSource, Stream } from '../../src/api/session.js';
import type { ContentPlan, ReplicaKind } from '../plan/plan.js';
import { bytesOf } from '../world/content-bytes.js';
import type { SimulatedServer } from '../world/server.js';
import type { World } from '../world/world.js';
import { readChecked } from './reader.js';
import { open, type End } from './streams.js';

const SLOW_SOURCE_MS = 40;
/** Where a liar lies. */
const LIES_AT_BYTE = 5000;
const LIES_EVERY_BYTES = 10_007;
/** Where a source that fails does so: at every this many bytes. */
const FAILS_EVERY_BYTES = 100_000;

/** The client asks for contents; the primary sends each from all servers that have it. */
export function runContents(world: World, client: End, primary: () => End): void {
  for (const plan of world.plan.contents) {
    world.task(`${plan.name} request`, client.process, async () => {
      await world.pause(client.process, plan.startMs);
      const stream = await open(world, client, true, {});
      world.trace.note(`${plan.name}: requested in stream ${stream.id}`);
      world.expectStream(stream.id, 'client', (accepted) => serve(world, primary(), accepted, plan));
      world.task(`${plan.name} ask`, client.process, () => ask(stream, plan));
      await readChecked(world, client.process, stream, {
        name: `${plan.name} read`,
        expected: Buffer.concat([...partsOf(plan)]),
        reader: plan.reader,
        resets: [],
        mustReset: false,
      });
    });
  }
}

async function ask(stream: Stream, plan: ContentPlan): Promise<void> {
  await stream.write(plan.name);
  await stream.close();
}

/** Head, content, tail. */
function partsOf(plan: ContentPlan): [Uint8Array, Uint8Array, Uint8Array] {
  return [bytesOf(plan.seed + 1, plan.head), bytesOf(plan.seed, plan.size), bytesOf(plan.seed + 2, plan.tail)];
}

function serve(world: World, primary: End, stream: Stream, plan: ContentPlan): void {
  const [head, content, tail] = partsOf(plan);
  world.task(`${plan.name} serve`, primary.process, async () => {
    const request = [];
    for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) request.push(chunk);
    const key = Buffer.concat(request).toString();
    if (key !== plan.name) world.violate('bytes are exact, once and in order', `${plan.name}: asked for "${key}"`);
    try {
      await stream.write(head);
      await stream.sendFrom(plan.name, sourceOf(content));
      await stream.write(tail);
      await stream.close();
    } catch (error) {
      if (plan.reader.kind !== 'stop' || !(error instanceof KwikError)) throw error;
      world.trace.note(`${plan.name}: the reader wanted no more (${error.code})`);
      stream.reset(0);
    }
    world.trace.note(`${plan.name}: served`);
  });
}

export function sourceOf(content: Uint8Array): ReplicaSource {
  return {
    size: BigInt(content.length),
    read: (offset, length) => Promise.resolve(content.slice(Number(offset), Number(offset) + length)),
  };
}

/** What a secondary has of a content. */
export function replicaOf(world: World, key: string, server: SimulatedServer): ReplicaSource | undefined {
  const plan = world.plan.contents.find(({ name }) => name === key);
  if (plan === undefined) return undefined;
  const content = bytesOf(plan.seed, plan.size);
  return replica(world, server, content, server.plan.replica);
}

function lieAbout(content: Uint8Array): Uint8Array {
  const lies = content.slice();
  for (let at = LIES_AT_BYTE; at < lies.length; at += LIES_EVERY_BYTES) lies[at]! ^= 1;
  return lies;
}

function replica(
  world: World,
  server: SimulatedServer,
  content: Uint8Array,
  kind: ReplicaKind,
): ReplicaSource | undefined {
  const honest = sourceOf(content);
  const { process } = server;
  switch (kind) {
    case 'none':
      return undefined;
    case 'good':
      return honest;
    case 'liar':
      return sourceOf(lieAbout(content));
    case 'short':
      return { ...honest, read: (offset, length, signal) => honest.read(offset, Math.max(1, length - 1), signal) };
    case 'failing':
      return {
        ...honest,
        read: (offset, length, signal) =>
          Math.floor(Number(offset) / FAILS_EVERY_BYTES) % 2 === 1
            ? Promise.reject(new Error('the disk is broken'))
            : honest.read(offset, length, signal),
      };
    case 'slow':
      return {
        ...honest,
        read: async (offset, length, signal) => {
          await world.pause(process, SLOW_SOURCE_MS);
          return honest.read(offset, length, signal);
        },
      };
  }
}
