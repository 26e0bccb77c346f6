import { describe, expect, it } from '@jest/globals';
import { makeStreamId } from '@kwik/wire';
import fc from 'fast-check';
import { patternBytes, TestRandom } from '../../test-support/random.js';
import { MemoryLedger } from '../costs/memory-ledger.js';
import { Reassembler } from './reassembler.js';
import { SendHalf, type Piece } from './send-half.js';

const id = makeStreamId(0n, 'client', false);
const half = (maxOffset = 1e6, bufferBytes = 1e6): SendHalf => new SendHalf(id, { maxOffset, bufferBytes });
const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('SendHalf', () => {
  it('delivers exactly what was written, however pieces are taken, lost and acknowledged; the end once, at the end', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new TestRandom(seed);
        const size = random.below(3000);
        const original = patternBytes(size);
        const send = half(random.below(200), 1000);
        const received = new Reassembler();
        let inFlight: Piece[] = [];
        let ended: number | undefined;
        let written = 0;
        const arrive = (piece: Piece): void => {
          received.insert(piece.offset, piece.data, 0);
          if (piece.fin) {
            expect(ended === undefined || ended === piece.offset + piece.data.length).toBe(true);
            ended = piece.offset + piece.data.length;
          }
        };
        for (let step = 0; step < 100_000 && send.state !== 'closed'; step++) {
          const action = random.below(6);
          if (action === 0 && written < size) {
            const length = Math.min(size - written, random.below(Math.min(send.room, 300) + 1));
            send.write(original.subarray(written, (written += length)));
          } else if (action === 1 && written === size) {
            send.finish();
          } else if (action === 2) {
            send.handleMaxOffset(received.readyEnd + random.below(400));
          } else if (action === 3) {
            const maxBytes = 1 + random.below(200);
            const sendable = send.sendable;
            const piece = send.take(maxBytes);
            expect(piece !== undefined).toBe(sendable);
            if (piece === undefined) continue;
            expect(piece.data.length).toBeLessThanOrEqual(maxBytes);
            inFlight.push(piece);
          } else if (action === 4 && inFlight.length > 0) {
            const [piece] = inFlight.splice(random.below(inFlight.length), 1);
            arrive(piece!);
            send.handleAcked(piece!);
            send.handleAcked(piece!);
          } else if (action === 5 && inFlight.length > 0 && random.below(5) === 0) {
            // The path died: some had arrived without the sender's knowledge.
            for (const piece of inFlight) {
              if (random.below(2) === 0) arrive(piece);
              send.handleLost(piece);
            }
            inFlight = [];
          }
        }
        expect(send.state).toBe('closed');
        expect(send.flushed).toBe(true);
        expect(ended).toBe(size);
        expect(received.readyEnd).toBe(size);
        const chunks: Uint8Array[] = [];
        for (let chunk = received.read(); chunk !== undefined; chunk = received.read()) chunks.push(chunk.data);
        expect(Buffer.concat(chunks).equals(original)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('expects more than it has of a writer who keeps its buffer full, up to what the peer has room for', () => {
    const send = half(50_000, 1000);
    send.write(patternBytes(400));
    expect(send.expectedBytes).toBe(400);
    send.write(patternBytes(200));
    expect(send.expectedBytes).toBe(50_000);
    send.take(300);
    expect(send.expectedBytes).toBe(300);
  });

  describe('of a session', () => {
    const KIB = 1024;
    const of = (ledger: MemoryLedger, streams: number): SendHalf[] => {
      const { writing: ahead } = ledger.open(() => undefined);
      return Array.from({ length: streams }, () => new SendHalf(id, { maxOffset: 1e6, bufferBytes: 64 * KIB, ahead }));
    };
    const fill = (send: SendHalf): number => {
      const before = send.queuedBytes;
      while (send.roomFor(10_000) > 0) send.write(patternBytes(send.roomFor(10_000)));
      return send.queuedBytes - before;
    };

    it('takes what the session may have ahead, a little at least, and more when there is room again', () => {
      const ledger = new MemoryLedger({ writeAheadBytes: 100 * KIB });
      const [first, second, third] = of(ledger, 3) as [SendHalf, SendHalf, SendHalf];
      expect([first, second, third].map(fill)).toEqual([64 * KIB, 36 * KIB, 16 * KIB]);
      expect(ledger.use.writeAheadBytes).toBe(116 * KIB);
      expect([third.roomFor(1), third.room]).toEqual([0, 48 * KIB]);
      // Its writer has more, though the buffer of the stream alone is not half full.
      expect(third.expectedBytes).toBe(1e6);
      while (first.take(10_000) !== undefined);
      expect(fill(third)).toBe(48 * KIB);
      second.reset(1);
      third.reset(1);
      expect(ledger.use.writeAheadBytes).toBe(0);
    });

    it('lets very many streams have very little each, once the session has twice its share', () => {
      const ledger = new MemoryLedger({ writeAheadBytes: 100 * KIB });
      const streams = of(ledger, 500);
      for (const send of streams) fill(send);
      expect(streams.every(({ queuedBytes }) => queuedBytes >= KIB)).toBe(true);
      expect(ledger.use.writeAheadBytes).toBeLessThanOrEqual(2 * 100 * KIB + 16 * KIB + 500 * KIB);
    });

    it('shares fairly with others, and little ones share with nobody', () => {
      const ledger = new MemoryLedger({ writeAheadBytes: 100 * KIB });
      const all = Array.from({ length: 4 }, () => of(ledger, 1)[0]!);
      const little = Array.from({ length: 50 }, () => of(ledger, 1)[0]!);
      for (const send of little) send.write(patternBytes(10 * KIB));
      for (let round = 0; round < 20; round++) {
        for (const send of all) {
          fill(send);
          send.take(8 * KIB);
        }
      }
      for (const send of all) expect(fill(send) + send.queuedBytes).toBeGreaterThan(0.8 * 25 * KIB);
      expect(ledger.use.writeAheadBytes - 50 * 10 * KIB).toBeLessThan(1.3 * 100 * KIB);
      for (const send of little) expect(send.roomFor(6 * KIB)).toBe(6 * KIB);
    });

    it('takes nothing any more of a session that is over', () => {
      const ledger = new MemoryLedger();
      const account = ledger.open(() => undefined);
      const send = new SendHalf(id, { maxOffset: 1e6, bufferBytes: 64 * KIB, ahead: account.writing });
      send.write(patternBytes(30_000));
      account.close();
      expect(ledger.use.writeAheadBytes).toBe(0);
      send.take(10_000);
      send.reset(1);
      expect(ledger.use.writeAheadBytes).toBe(0);
    });
  });

  it('never goes beyond the peer’s limit, and says once per limit that it is held up', () => {
    const send = half(10);
    send.write(patternBytes(30));
    expect(send.takeBlocked()).toBeUndefined();
    expect(send.take(100)?.data.length).toBe(10);
    expect(send.sendable).toBe(false);
    expect(send.take(100)).toBeUndefined();
    expect(send.takeBlocked()).toBe(10);
    expect(send.takeBlocked()).toBeUndefined();
    send.handleMaxOffset(5);
    expect(send.sendable).toBe(false);
    send.handleMaxOffset(15);
    expect(send.take(100)?.data.length).toBe(5);
    expect(send.takeBlocked()).toBe(15);
  });

  it('ends with the last byte, or with a piece of its own when that has gone', () => {
    const together = half();
    together.write(patternBytes(10));
    together.finish();
    expect(together.take(100)).toMatchObject({ fin: true, offset: 0 });
    expect(together.take(100)).toBeUndefined();

    const apart = half();
    apart.write(patternBytes(10));
    expect(apart.take(100)).toMatchObject({ fin: false });
    apart.finish();
    expect(apart.take(100)).toMatchObject({ fin: true, offset: 10, data: new Uint8Array(0) });
    expect(apart.sendable).toBe(false);
  });

  it('gives only what needs no credit when there is none', () => {
    const send = half();
    send.write(patternBytes(10));
    const piece = send.take(100)!;
    send.handleLost(piece);
    expect(send.take(0)).toBeUndefined();
    expect(send.take(4)).toMatchObject({ offset: 0, again: true });
    expect(send.take(100)).toMatchObject({ offset: 4, again: true });
    send.finish();
    expect(send.take(0)).toMatchObject({ fin: true, offset: 10 });
  });

  it('sends many tiny writes as few pieces', () => {
    const send = half();
    const original = patternBytes(10_000);
    for (let offset = 0; offset < original.length; offset++) send.write(original.subarray(offset, offset + 1));
    expect(send.queuedBytes).toBe(10_000);
    const pieces: Piece[] = [];
    for (let piece = send.take(16_384); piece !== undefined; piece = send.take(16_384)) pieces.push(piece);
    expect(pieces.length).toBeLessThan(10);
    expect(Buffer.concat(pieces.map((piece) => piece.data)).equals(original)).toBe(true);
  });

  it('takes a writer’s bytes as they were when small writes follow what was already taken', () => {
    const send = half();
    send.write(Uint8Array.of(1, 2, 3));
    const first = send.take(2)!;
    send.write(Uint8Array.of(4, 5));
    expect([...first.data]).toEqual([1, 2]);
    expect([...send.take(10)!.data]).toEqual([3, 4, 5]);
    expect([...first.data]).toEqual([1, 2]);
  });

  it('leaves reserved offsets alone and writes behind them; the end counts them', () => {
    const send = half(50);
    send.write(patternBytes(10));
    expect(send.reserve(1000)).toBe(10);
    send.write(patternBytes(5));
    expect(send.writeOffset).toBe(1015);
    expect(send.take(100)).toMatchObject({ offset: 0 });
    expect(send.take(100)).toBeUndefined();
    send.handleMaxOffset(2000);
    expect(send.take(100)).toMatchObject({ offset: 1010 });
    expect(send.reserve(7)).toBe(1015);
    send.finish();
    expect(send.take(100)).toMatchObject({ offset: 1022, fin: true });
    expect(send.finalSize).toBe(1022);
  });
});

describe('SendHalf: writing at offsets', () => {
  it('sends the lowest offset first, in whatever order it was written', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 900 }),
        (seed, count, chunk) => {
          const random = new TestRandom(seed);
          const original = patternBytes(count * chunk);
          const send = half();
          for (const index of random.shuffle(Array.from({ length: count }, (_, n) => n))) {
            send.writeAt(index * chunk, original.subarray(index * chunk, (index + 1) * chunk));
          }
          const got: Piece[] = [];
          for (
            let piece = send.take(1 + random.below(2000));
            piece !== undefined;
            piece = send.take(1 + random.below(2000))
          ) {
            expect(piece.offset).toBeGreaterThanOrEqual(got.at(-1)?.offset ?? 0);
            got.push(piece);
          }
          expect(Buffer.concat(got.map((piece) => piece.data)).equals(original)).toBe(true);
        },
      ),
    );
  });

  it('never lets bytes far ahead keep out those that the reader waits for', () => {
    const send = half(1000, 100);
    expect(send.acceptsAt(0)).toBe(true);
    send.writeAt(5000, patternBytes(100));
    expect(send.acceptsAt(6000)).toBe(false);
    expect(send.acceptsAt(5100)).toBe(false);
    expect(send.acceptsAt(4999)).toBe(true);
    // A gap between far bytes, while none of them can go.
    expect(send.acceptsAt(5050)).toBe(true);
    send.writeAt(0, patternBytes(50));
    expect(send.sendable).toBe(true);
    expect(send.take(100)).toMatchObject({ offset: 0 });
    expect(send.sendable).toBe(false);
    expect(send.takeBlocked()).toBe(1000);
    expect(send.acceptsAt(50)).toBe(true);
  });
});

describe('SendHalf: reset and stop', () => {
  it('gives nothing more after a reset, and counts as flushed', () => {
    const send = half();
    send.write(patternBytes(10));
    const piece = send.take(5)!;
    send.reset(3);
    expect(send.state).toBe('reset');
    expect(send.sendable).toBe(false);
    expect(send.take(100)).toBeUndefined();
    send.handleLost(piece);
    send.finish();
    expect(send.take(100)).toBeUndefined();
    expect(send.flushed).toBe(true);
    expect(send.queuedBytes).toBe(0);
    expect(send.finalSize).toBe(5);
    expect(() => send.write(patternBytes(1))).toThrow(code('ERR_KWIK_STREAM_CLOSED'));
  });

  it('comes too late when everything was acknowledged', () => {
    const send = half();
    send.finish();
    send.handleAcked(send.take(1)!);
    send.reset(3);
    expect(send.state).toBe('closed');
  });

  it('refuses writes after the end, and after the peer’s stop', () => {
    const closed = half();
    closed.finish();
    for (const write of [
      () => closed.write(patternBytes(1)),
      () => closed.writeAt(0, patternBytes(1)),
      () => closed.reserve(1),
    ]) {
      expect(write).toThrow(code('ERR_KWIK_STREAM_CLOSED'));
    }
    const stopped = half();
    stopped.handleStopSending(4);
    stopped.reset(4);
    expect(stopped.stopCode).toBe(4);
    expect(() => stopped.write(patternBytes(1))).toThrow(code('ERR_KWIK_STREAM_STOPPED'));
  });
});
