import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PacketNumber, proto } from '@kwik/wire';
import { MAX_ACK_RANGES_PER_FRAME, SentPackets } from './sent-packets.js';

const pn = (value: number): PacketNumber => BigInt(value) as PacketNumber;
const range = (first: number, last = first): proto.AckRange => ({ first: BigInt(first), last: BigInt(last) });

function send(packets: SentPackets<string>, count: number, now = 0, bytes = 100): void {
  for (let i = 0; i < count; i++) {
    const number = packets.nextNumber();
    packets.record(number, bytes, true, `p${number}`, now);
  }
}

const violation = expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' });

describe('SentPackets', () => {
  test('numbers count up from 0, a space per instance', () => {
    const [a, b] = [new SentPackets<string>(), new SentPackets<string>()];
    expect([a.nextNumber(), a.nextNumber(), b.nextNumber(), a.nextNumber()]).toEqual([0n, 1n, 0n, 2n]);
  });

  test('an acknowledgement frees what it names, once', () => {
    const packets = new SentPackets<string>();
    send(packets, 5);
    expect([packets.count, packets.inFlightBytes]).toEqual([5, 500]);
    const first = packets.onAck([range(3), range(0, 1)], 5000, 40);
    expect(first).toEqual({
      acked: ['p0', 'p1', 'p3'],
      ackedBytes: 300,
      newlyLargest: true,
      rttSampleMs: 40,
      pathRttMs: 35,
    });
    expect([packets.count, packets.inFlightBytes, packets.largestAcked]).toEqual([2, 200, 3n]);
    expect(packets.oldest()).toEqual({ pn: 2n, sentAtMs: 0 });
    expect(packets.onAck([range(3), range(0, 1)], 0, 50)).toEqual({ acked: [], ackedBytes: 0, newlyLargest: false });
    expect(packets.onAck([range(0, 4)], 0, 60)).toMatchObject({ acked: ['p2', 'p4'], rttSampleMs: 60 });
    expect([packets.count, packets.inFlightBytes, packets.oldest()]).toEqual([0, 0, undefined]);
  });

  test('RTT is sampled only by the largest packet, newly acknowledged (RFC 9002, section 5.1)', () => {
    const packets = new SentPackets<string>();
    send(packets, 2, 0);
    send(packets, 2, 10);
    expect(packets.onAck([range(2)], 0, 30).rttSampleMs).toBe(20);
    expect(packets.onAck([range(2), range(0)], 0, 90).rttSampleMs).toBeUndefined();
    expect(packets.onAck([range(3)], 0, 95).rttSampleMs).toBe(85);
  });

  test('packets that elicit nothing are numbered, not kept', () => {
    const packets = new SentPackets<string>({ maxSpan: 4 });
    for (let i = 0; i < 100; i++) packets.record(packets.nextNumber(), 30, false, 'ack', i);
    expect([packets.count, packets.inFlightBytes, packets.full]).toEqual([0, 0, false]);
    send(packets, 1, 200);
    packets.record(packets.nextNumber(), 30, false, 'ack', 205);
    expect(packets.onAck([range(0, 101)], 0, 220)).toEqual({
      acked: ['p100'],
      ackedBytes: 100,
      newlyLargest: true,
      rttSampleMs: 15,
      pathRttMs: 15,
    });
  });

  test('a packet that was never sent cannot be acknowledged, and the attempt changes nothing', () => {
    const packets = new SentPackets<string>();
    expect(() => packets.onAck([range(0)], 0, 0)).toThrow(violation);
    send(packets, 3);
    const skipped = packets.nextNumber();
    send(packets, 1);
    for (const ranges of [
      [range(5)],
      [range(0, 5)],
      [range(Number(skipped))],
      [range(4), range(1, 3)],
      [range(2, 1)],
      [range(0), range(2)],
      [range(1, 2), range(0, 1)],
      [{ first: 0n, last: (1n << 62n) - 1n }],
      [],
      Array.from({ length: MAX_ACK_RANGES_PER_FRAME + 1 }, () => range(0)),
    ]) {
      expect(() => packets.onAck(ranges, 0, 0)).toThrow(violation);
    }
    expect(() => packets.onAck([range(0)], Number.NaN, 0)).toThrow(violation);
    expect([packets.count, packets.inFlightBytes]).toEqual([4, 400]);
  });

  test('failover takes everything that is left, in order; late acknowledgements of it are repeats', () => {
    const packets = new SentPackets<string>();
    send(packets, 6);
    packets.onAck([range(4), range(1)], 0, 5);
    expect(packets.takeAll()).toEqual(['p0', 'p2', 'p3', 'p5']);
    expect([packets.count, packets.inFlightBytes, packets.takeAll()]).toEqual([0, 0, []]);
    expect(packets.onAck([range(0, 5)], 0, 9)).toEqual({ acked: [], ackedBytes: 0, newlyLargest: true });
    send(packets, 1);
    expect(packets.onAck([range(6)], 0, 20).acked).toEqual(['p6']);
  });

  test('reinjection sees what is old, without taking it', () => {
    const packets = new SentPackets<string>();
    send(packets, 2, 0);
    send(packets, 2, 50);
    packets.onAck([range(0)], 0, 51);
    expect(packets.takeOlderThan(40, 60)).toEqual(['p1']);
    expect(packets.takeOlderThan(10, 60)).toEqual(['p1', 'p2', 'p3']);
    expect(packets.takeOlderThan(10, 60, 2)).toEqual(['p1', 'p2']);
    expect(packets.count).toBe(3);
  });

  test('the span is bounded: full says so, and record refuses', () => {
    const packets = new SentPackets<string>({ maxSpan: 300 });
    send(packets, 300);
    expect(packets.full).toBe(true);
    packets.onAck([range(1, 299)], 0, 1);
    expect(packets.full).toBe(true);
    const number = packets.nextNumber();
    expect(() => packets.record(number, 1, true, 'x', 0)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_LIMIT_EXCEEDED' }),
    );
    packets.onAck([range(0)], 0, 2);
    expect(packets.full).toBe(false);
    send(packets, 300);
    expect(packets.count).toBe(300);
  });

  test('numbers are recorded in order, and only when given out', () => {
    const packets = new SentPackets<string>();
    const [a, b] = [packets.nextNumber(), packets.nextNumber()];
    packets.record(b, 1, true, 'b', 0);
    const internal = expect.objectContaining({ code: 'ERR_KWIK_INTERNAL' });
    expect(() => packets.record(a, 1, true, 'a', 0)).toThrow(internal);
    expect(() => packets.record(b, 1, true, 'b', 0)).toThrow(internal);
    expect(() => packets.record(pn(2), 1, true, 'c', 0)).toThrow(internal);
  });

  test('a repeated acknowledgement costs the same over a wide ring as over a narrow one', () => {
    const cost = (span: number): number => {
      const packets = new SentPackets<number>();
      for (let i = 0; i < span; i++) packets.record(packets.nextNumber(), 1, true, i, 0);
      const repeat = [range(1, span - 2)];
      packets.onAck(repeat, 0, 1);
      const started = performance.now();
      // Packet 0 is outstanding and keeps the ring as wide as it is.
      for (let i = 0; i < 2000; i++) packets.onAck(repeat, 0, 2);
      return performance.now() - started;
    };
    const best = (span: number): number => Math.min(cost(span), cost(span), cost(span));
    // Walking the ring would make it 500 times as dear.
    expect(best(8192)).toBeLessThan(50 * best(16));
  });
});

/** The slow, obvious twin. */
class Model {
  readonly sent = new Map<number, { bytes: number; eliciting: boolean; content: string; at: number; done: boolean }>();
  issued = 0;
  largest = -1;

  open(): [number, { bytes: number; content: string; at: number; done: boolean }][] {
    return [...this.sent].filter(([, packet]) => packet.eliciting && !packet.done);
  }

  ack(ranges: readonly proto.AckRange[]): string[] {
    const hit = this.open().filter(([n]) => ranges.some((r) => r.first <= BigInt(n) && BigInt(n) <= r.last));
    for (const [, packet] of hit) packet.done = true;
    this.largest = Math.max(this.largest, Number(ranges[0]?.last ?? -1n));
    return hit.map(([, packet]) => packet.content);
  }
}

type Op =
  | { kind: 'send'; bytes: number; eliciting: boolean; waitMs: number }
  | { kind: 'ack'; cuts: number[] }
  | { kind: 'takeAll' }
  | { kind: 'older'; ms: number };

const arbitraryOp: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      bytes: fc.integer({ min: 1, max: 16_000 }),
      eliciting: fc.boolean(),
      waitMs: fc.integer({ min: 0, max: 20 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('ack' as const),
      cuts: fc.array(fc.nat({ max: 400 }), { minLength: 2, maxLength: 12 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'takeAll' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('older' as const), ms: fc.nat({ max: 500 }) }) },
);

/** Disjoint descending ranges below `limit`, out of arbitrary numbers. */
function toRanges(cuts: readonly number[], limit: number): proto.AckRange[] {
  const points = [...new Set(cuts.map((cut) => cut % limit))].sort((a, b) => b - a);
  const ranges: proto.AckRange[] = [];
  for (let i = 0; i + 1 < points.length; i += 2) ranges.push(range(points[i + 1] as number, points[i]));
  return ranges;
}

test('SentPackets behaves like a plain map under any sequence of operations', () => {
  fc.assert(
    fc.property(fc.array(arbitraryOp, { maxLength: 300 }), (ops) => {
      const packets = new SentPackets<string>();
      const model = new Model();
      let now = 0;
      for (const op of ops) {
        if (op.kind === 'send') {
          now += op.waitMs;
          const number = packets.nextNumber();
          packets.record(number, op.bytes, op.eliciting, `p${number}`, now);
          model.sent.set(model.issued, { ...op, content: `p${number}`, at: now, done: false });
          model.issued += 1;
        } else if (op.kind === 'ack') {
          const ranges = model.issued > 0 ? toRanges(op.cuts, model.issued) : [];
          if (ranges.length === 0) continue;
          const before = model.open().reduce((sum, [, packet]) => sum + packet.bytes, 0);
          const newly = Number(ranges[0]?.last) > model.largest;
          const outcome = packets.onAck(ranges, 0, now);
          expect(outcome.acked).toEqual(model.ack(ranges));
          const after = model.open().reduce((sum, [, packet]) => sum + packet.bytes, 0);
          expect([outcome.ackedBytes, outcome.newlyLargest]).toEqual([before - after, newly]);
          const sentAt = model.sent.get(Number(ranges[0]?.last))?.at as number;
          expect(outcome.rttSampleMs ?? now - sentAt).toBe(now - sentAt);
        } else if (op.kind === 'takeAll') {
          expect(packets.takeAll()).toEqual(model.open().map(([, packet]) => packet.content));
          for (const [, packet] of model.open()) packet.done = true;
        } else {
          const old = model.open().filter(([, packet]) => now - packet.at >= op.ms);
          expect(packets.takeOlderThan(op.ms, now)).toEqual(old.map(([, packet]) => packet.content));
        }
        const open = model.open();
        expect(packets.count).toBe(open.length);
        expect(packets.inFlightBytes).toBe(open.reduce((sum, [, packet]) => sum + packet.bytes, 0));
        expect(packets.oldest()?.pn).toBe(open[0] === undefined ? undefined : BigInt(open[0][0]));
      }
    }),
    { numRuns: 200 },
  );
});
