import { expect, test } from '@jest/globals';

import { VirtualClock } from '../clock/virtual-clock.js';
import { SeededRandom } from '../random/seeded-random.js';
import { RecordingSide, writeAll, type RecordingStream } from '../contract/recording-handlers.js';
import { MemoryNetwork } from './memory-network.js';

/** Seeds that failed once stay here, each with a word on what it showed. */
const REGRESSIONS: readonly number[] = [];
const SEEDS = Number(process.env['KWIK_FUZZ_SEEDS'] ?? 60);
const SERVER = 'server.test:443';
/** The link changes this often during the faulty part. */
const CHANGES = 12;

interface Transfer {
  readonly from: RecordingStream;
  readonly to: RecordingSide;
  readonly data: Uint8Array;
}

/**
 * One schedule: streams of both sides in a net that loses, reorders, duplicates, slows down, is cut and heals, while
 * readers pause and resume. Safety holds at any time; once the link is well, everything must complete.
 */
function run(seed: number): void {
  const random = new SeededRandom(seed);
  const clock = new VirtualClock();
  const net = new MemoryNetwork({ clock, seed });
  const link = net.link(SERVER, {
    both: { rateBitsPerSecond: 1e6 * (1 + random.below(50)), delayMs: random.below(80) },
  });
  const { client, server } = connect(net, clock, random);
  const transfers: Transfer[] = [];
  for (let i = 0; i < 4 + random.below(8); i++) {
    const [near, far] = random.chance(0.5) ? [client, server] : [server, client];
    const from = near.open(true);
    if (from === undefined) throw new Error('no stream');
    const data = random.bytes(random.below(150_000));
    transfers.push({ from, to: far, data });
    writeAll(from, data);
  }
  for (let change = 0; change < CHANGES; change++) {
    upset(net, random);
    clock.advanceBy(random.below(300));
    for (const side of [client, server]) pauseSome(side, random);
  }
  heal(net);
  for (const side of [client, server]) for (const stream of side.streams.values()) stream.resume();
  const done = ({ from, to }: Transfer): boolean => to.streams.get(from.stream.id)?.events[0] === 'end';
  expect(clock.runUntil(() => transfers.every(done), { maxMs: 300_000 })).toBe(true);
  for (const { from, to, data } of transfers) expect(Buffer.compare(received(to, from), data)).toBe(0);
  finish(clock, client, server);
  expect(link.connections).toBe(0);
}

function connect(
  net: MemoryNetwork,
  clock: VirtualClock,
  random: SeededRandom,
): Record<'client' | 'server', RecordingSide> {
  const windows = {
    streamWindowBytes: 20_000 + random.below(200_000),
    connectionWindowBytes: 300_000,
    idleTimeoutMs: 0,
  };
  const sides: RecordingSide[] = [];
  net.listen(SERVER, (transport) => sides.push(new RecordingSide(transport).attach()), windows);
  net.connect(
    { to: SERVER, ...windows },
    {
      onConnected: (transport) => sides.push(new RecordingSide(transport).attach()),
      onFailed: (error) => {
        throw error;
      },
    },
  );
  clock.runUntil(() => sides.length === 2);
  const [server, client] = sides;
  if (server === undefined || client === undefined) throw new Error('no connection');
  return { client, server };
}

function upset(net: MemoryNetwork, random: SeededRandom): void {
  const link = net.link(SERVER);
  const direction = (['up', 'down', 'both'] as const)[random.below(3)] ?? 'both';
  switch (random.below(6)) {
    case 0:
      return link.cut(direction);
    case 1:
      return link.heal(direction);
    case 2:
      return link.configure(direction, {
        rateBitsPerSecond: 1e5 * (1 + random.below(300)),
        delayMs: random.below(150),
      });
    case 3:
      return link.configure(direction, { lossRate: random.float() * 0.4, duplicateRate: random.float() * 0.4 });
    case 4:
      return link.configure(direction, { reorderRate: random.float() * 0.5, reorderDelayMs: random.below(50) });
    default:
      return link.configure(direction, { queueBytes: random.below(30_000), jitterMs: random.below(40) });
  }
}

function heal(net: MemoryNetwork): void {
  const well = {
    rateBitsPerSecond: 20e6,
    delayMs: 10,
    jitterMs: 0,
    lossRate: 0,
    reorderRate: 0,
    duplicateRate: 0,
    queueBytes: null,
  };
  net.link(SERVER).configure('both', well);
  net.link(SERVER).heal();
}

function pauseSome(side: RecordingSide, random: SeededRandom): void {
  for (const stream of side.streams.values()) {
    if (random.chance(0.3)) stream.pause();
    else if (random.chance(0.5)) stream.resume();
  }
}

function received(side: RecordingSide, from: RecordingStream): Uint8Array {
  return side.streams.get(from.stream.id)?.data ?? Buffer.of();
}

function finish(clock: VirtualClock, client: RecordingSide, server: RecordingSide): void {
  client.close(3, 'done');
  clock.runUntilIdle();
  expect(server.closes).toEqual([{ by: 'peer', code: 3, reason: 'done' }]);
  expect([client, server].flatMap((side) => [...side.violations, ...side.depth.violations])).toEqual([]);
}

test(`a network that does its worst delivers everything once it is well: ${SEEDS} seeds`, () => {
  const seeds = [...REGRESSIONS, ...Array.from({ length: SEEDS }, (_, index) => index + 1)];
  for (const seed of seeds) {
    try {
      run(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}, 120_000);
