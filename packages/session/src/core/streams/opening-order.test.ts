import { describe, expect, it } from '@jest/globals';
import { isUnidirectional, makeStreamId, toStreamId, type StreamId } from '@kwik/wire';
import fc from 'fast-check';
import { impliedBy, OpeningOrder } from './opening-order.js';
import { StreamTable } from './stream-table.js';

const PATIENCE_MS = 1000;
const LIMITS = { maxStreams: 100, streamWindowBytes: 1000, sendBufferBytes: 500 };
const bidi = (index: number): StreamId => makeStreamId(BigInt(index), 'client', false);
const uni = (index: number): StreamId => makeStreamId(BigInt(index), 'client', true);

/** The end that accepts: what comes of streams, as the session takes it. */
class Receiver {
  readonly #table = new StreamTable({ side: 'server', ...LIMITS });
  readonly order = new OpeningOrder();
  readonly given: StreamId[] = [];

  frame(id: StreamId, now = 0): void {
    this.#table.require(id, (stream) => this.order.hear(stream, now));
    this.giveOut(now);
  }

  announcement(id: StreamId, opening: bigint, now = 0): void {
    const before = impliedBy(id, opening);
    for (const each of [before, id]) {
      if (each !== undefined) this.#table.require(each, (stream) => this.order.hear(stream, now));
    }
    this.order.announce(id, opening);
    this.giveOut(now);
  }

  giveOut(now: number): void {
    for (;;) {
      const stream = this.order.next(now, PATIENCE_MS);
      if (stream === undefined) return;
      this.given.push(stream.id);
    }
  }
}

/** Openings of either kind, and for each an announcement and up to two frames, in any order of arrival. */
const arrivals = fc
  .array(fc.boolean(), { minLength: 1, maxLength: 40 })
  .map((kinds) => {
    const table = new StreamTable({ side: 'client', ...LIMITS });
    table.setPeerLimits({ maxBidiStreams: 40, maxUniStreams: 40, streamWindowBytes: 1000 });
    return kinds.map((unidirectional) => table.open(unidirectional));
  })
  .chain((opened) => {
    const signs = opened.flatMap(({ id, opening }) => [
      { id, opening },
      { id, opening: undefined },
      { id, opening: undefined },
    ]);
    return fc.record({ opened: fc.constant(opened), signs: fc.shuffledSubarray(signs, { minLength: signs.length }) });
  });

describe('the order of openings', () => {
  it('is the peer’s, in whatever order announcements and frames come', () => {
    fc.assert(
      fc.property(arrivals, ({ opened, signs }) => {
        const receiver = new Receiver();
        const wanted = opened.map(({ id }) => id);
        for (const { id, opening } of signs) {
          if (opening === undefined) receiver.frame(id);
          else receiver.announcement(id, opening);
          expect(receiver.given).toEqual(wanted.slice(0, receiver.given.length));
        }
        expect(receiver.given).toEqual(wanted);
        expect(receiver.order.dueAtMs(PATIENCE_MS)).toBeUndefined();
      }),
    );
  });

  it('needs no waiting when a stream is announced: those before it are there by then', () => {
    fc.assert(
      fc.property(arrivals, ({ opened, signs }) => {
        const receiver = new Receiver();
        let announced = 0n;
        for (const { id, opening } of signs) {
          if (opening === undefined) continue;
          receiver.announcement(id, opening);
          if (opening > announced) announced = opening;
          expect(receiver.given.length).toBeLessThanOrEqual(Number(announced));
        }
        expect(receiver.given).toEqual(opened.map(({ id }) => id));
      }),
    );
  });

  it('gives each out once, in the order of its kind, when announcements are lost or tell lies', () => {
    const lies = fc.array(fc.record({ which: fc.nat(), opening: fc.bigInt(0n, 60n) }), { maxLength: 30 });
    fc.assert(
      fc.property(arrivals, lies, ({ opened, signs }, told) => {
        const receiver = new Receiver();
        for (const { which, opening } of told) {
          const { id } = opened[which % opened.length]!;
          if (opening === 0n || opening > id >> 2n) receiver.announcement(id, opening);
        }
        for (const { id } of signs) receiver.frame(id);
        receiver.giveOut(PATIENCE_MS);
        expect(new Set(receiver.given).size).toBe(receiver.given.length);
        for (const oneWay of [false, true]) {
          const ids = receiver.given.filter((id) => isUnidirectional(id) === oneWay);
          expect(ids).toEqual(ids.map((_, index) => (oneWay ? uni : bidi)(index)));
        }
        expect(receiver.given).toEqual(expect.arrayContaining(opened.map(({ id }) => id)));
        expect(receiver.order.dueAtMs(PATIENCE_MS)).toBeUndefined();
      }),
    );
  });

  it('has a stream of which only frames came wait, no longer than the patience lasts', () => {
    const receiver = new Receiver();
    receiver.frame(uni(0), 5);
    receiver.frame(bidi(0), 7);
    expect(receiver.given).toEqual([]);
    expect(receiver.order.dueAtMs(PATIENCE_MS)).toBe(1005);
    receiver.giveOut(1004);
    expect(receiver.given).toEqual([]);
    receiver.giveOut(1005);
    expect(receiver.given).toEqual([uni(0)]);
    expect(receiver.order.dueAtMs(PATIENCE_MS)).toBe(1007);
    receiver.giveOut(1007);
    expect(receiver.given).toEqual([uni(0), bidi(0)]);
    // Too late: the announcements of those that left are nothing to the next.
    receiver.announcement(bidi(0), 1n, 1008);
    receiver.announcement(uni(0), 2n, 1008);
    receiver.announcement(uni(1), 3n, 1008);
    expect(receiver.given).toEqual([uni(0), bidi(0), uni(1)]);
  });

  it('is told by one announcement for both kinds', () => {
    const receiver = new Receiver();
    receiver.frame(uni(0));
    receiver.frame(bidi(0));
    receiver.announcement(bidi(0), 2n);
    expect(receiver.given).toEqual([uni(0), bidi(0)]);
  });

  it('is kept as far as it is known when nobody waits any more', () => {
    const table = new StreamTable({ side: 'server', ...LIMITS });
    const order = new OpeningOrder();
    for (const id of [uni(0), bidi(0)]) table.require(id, (stream) => order.hear(stream, 0));
    order.announce(bidi(0), 1n);
    expect(order.next(Number.POSITIVE_INFINITY, 0)?.id).toBe(bidi(0));
    expect(order.next(Number.POSITIVE_INFINITY, 0)?.id).toBe(uni(0));
  });

  it('is that of coming, where a peer does not say', () => {
    const receiver = new Receiver();
    for (const id of [uni(1), bidi(0), uni(2)]) receiver.announcement(id, 0n);
    receiver.giveOut(PATIENCE_MS);
    expect(receiver.given).toEqual([uni(0), uni(1), bidi(0), uni(2)]);
  });

  it('implies streams of the other kind, and never fewer than none', () => {
    expect(impliedBy(uni(2), 3n)).toBeUndefined();
    expect(impliedBy(uni(2), 5n)).toBe(bidi(1));
    expect(impliedBy(bidi(0), 0n)).toBeUndefined();
    expect(impliedBy(toStreamId(1n), 2n)).toBe(makeStreamId(0n, 'server', true));
    expect(() => impliedBy(uni(2), 2n)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' }));
  });
});
