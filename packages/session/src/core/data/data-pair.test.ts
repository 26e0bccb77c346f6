import { describe, expect, it } from '@jest/globals';
import { PRIMARY_PATH_ID, type StreamId } from '@kwik/wire';
import fc from 'fast-check';
import { connect, DataLink, eventsOf, planeOf, type SmallLimits } from '../../test-support/data-link.js';
import { patternBytes, TestRandom } from '../../test-support/random.js';
import type { DataPlane } from './data-plane.js';

/** Far more steps than any transfer here takes: not to be done by then means that it hangs. */
const MAX_STEPS = 400_000;

/** One direction of one stream. */
class Transfer {
  readonly #writer: DataPlane;
  readonly #reader: DataPlane;
  readonly #id: StreamId;
  readonly #original: Uint8Array;
  readonly #chunks: Uint8Array[] = [];
  #written = 0;

  constructor(writer: DataPlane, reader: DataPlane, id: StreamId, size: number) {
    this.#writer = writer;
    this.#reader = reader;
    this.#id = id;
    this.#original = patternBytes(size, Number(id) * 7919);
  }

  ended = false;

  write(random: TestRandom): void {
    const stream = this.#writer.streams.get(this.#id);
    const send = stream?.send;
    if (stream === undefined || send?.state !== 'open') return;
    const left = this.#original.length - this.#written;
    const piece = this.#original.slice(
      this.#written,
      this.#written + Math.min(left, send.room, random.between(1, 900)),
    );
    send.write(piece);
    this.#written += piece.length;
    if (this.#written === this.#original.length) send.finish();
    this.#writer.markReady(stream);
  }

  read(maxBytes: number): void {
    const stream = this.#reader.streams.get(this.#id);
    if (stream === undefined) return;
    const chunk = this.#reader.read(stream, maxBytes);
    if (chunk !== undefined) this.#chunks.push(new Uint8Array(chunk.data));
    if (stream.receive?.state === 'finished') this.ended = true;
  }

  check(): void {
    expect(Buffer.concat(this.#chunks).equals(this.#original)).toBe(true);
  }
}

function smallLimits(random: TestRandom): SmallLimits {
  const streamWindowBytes = random.between(200, 6000);
  return {
    streamWindowBytes,
    pathWindowBytes: random.between(200, 8000),
    sendBufferBytes: random.between(100, 3000),
    maxStreams: 8,
    maxPacketBytes: 65_536,
  };
}

function checkBounds(plane: DataPlane, limits: SmallLimits): void {
  let buffered = 0;
  for (const { receive, send } of plane.streams.values()) {
    if ((receive?.bufferedBytes ?? 0) > limits.streamWindowBytes) throw new Error('stream window exceeded');
    if ((send?.queuedBytes ?? 0) > limits.sendBufferBytes) throw new Error('send buffer exceeded');
    buffered += receive?.bufferedBytes ?? 0;
  }
  const held = plane.path(PRIMARY_PATH_ID)?.flowControl.heldBytes ?? 0;
  if (buffered > limits.pathWindowBytes || held > limits.pathWindowBytes) throw new Error('session window exceeded');
}

function run(seed: number, cutEverySteps: number): void {
  const random = new TestRandom(seed);
  const limits = smallLimits(random);
  const client = planeOf('client', limits);
  const server = planeOf('primary', limits);
  connect(client, limits);
  connect(server, limits);
  let link = new DataLink(random, client, server);
  const transfers: Transfer[] = [];
  for (let count = random.between(1, 4); count > 0; count--) {
    const [opener, other] = random.below(2) === 0 ? [client, server] : [server, client];
    const unidirectional = random.below(3) === 0;
    const { id } = opener.open(unidirectional, random.below(8));
    transfers.push(new Transfer(opener, other, id, random.below(20_000)));
    if (!unidirectional) transfers.push(new Transfer(other, opener, id, random.below(20_000)));
  }
  const slowReader = random.between(1, 20);
  let now = 0;
  let step = 0;
  for (; step < MAX_STEPS; step++) {
    now += random.next() * 2;
    random.pick(transfers).write(random);
    link.send(random.pick([0, 50, 1200, 9000]), now);
    link.deliver(random.pick([7, 300, 5000]), now);
    if (random.below(slowReader) === 0) random.pick(transfers).read(random.between(1, 3000));
    if (cutEverySteps > 0 && random.below(cutEverySteps) === 0) {
      for (const plane of [client, server]) {
        plane.removePath(PRIMARY_PATH_ID);
        connect(plane, limits);
      }
      link = new DataLink(random, client, server);
    } else if (cutEverySteps === 0) {
      checkBounds(client, limits);
      checkBounds(server, limits);
    }
    for (const event of [...eventsOf(client), ...eventsOf(server)]) {
      if (event.kind === 'violation') throw event.error;
    }
    if (client.streams.size + server.streams.size === 0 && transfers.every((transfer) => transfer.ended)) break;
  }
  expect(step).toBeLessThan(MAX_STEPS);
  for (const transfer of transfers) transfer.check();
}

describe('two data planes', () => {
  it('deliver everything exactly, within their windows, whatever the packets, chunks, windows and readers', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => run(seed, 0)),
      { numRuns: 40 },
    );
  });

  it('deliver everything exactly once when the path is lost again and again', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 300, max: 3000 }), (seed, cutEverySteps) => run(seed, cutEverySteps)),
      { numRuns: 40 },
    );
  });
});
