import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PacketNumber, proto } from '@kwik/wire';
import { ackDelayForRtt, AckTracker, MAX_TRACKED_RANGES, type PendingAck } from './ack-tracker.js';
import { MAX_ACK_RANGES_PER_FRAME, SentPackets } from './sent-packets.js';

const pn = (value: number): PacketNumber => BigInt(value) as PacketNumber;
const plain = (ranges: readonly proto.AckRange[] | undefined): number[][] | undefined =>
  ranges?.map(({ first, last }) => [Number(first), Number(last)]);

function receive(tracker: AckTracker, numbers: readonly number[], now = 0): void {
  for (const number of numbers) tracker.onPacket(pn(number), true, now);
}

describe('AckTracker', () => {
  test('one acknowledgement for sixteen packets', () => {
    const tracker = new AckTracker();
    for (let i = 0; i < 15; i++) tracker.onPacket(pn(i), true, i);
    expect(tracker.ackDueAtMs()).toBe(20);
    expect(tracker.poll(15)).toBeUndefined();
    tracker.onPacket(pn(15), true, 16);
    expect(tracker.ackDueAtMs()).toBe(16);
    expect(tracker.poll(16)).toEqual({ ranges: [{ first: 0n, last: 15n }], ackDelayUs: 0 });
    expect([tracker.poll(16), tracker.ackDueAtMs()]).toEqual([undefined, undefined]);
  });

  test('or 20 ms after the first that waits, with the delay of the largest', () => {
    const tracker = new AckTracker();
    tracker.onPacket(pn(0), true, 100);
    tracker.onPacket(pn(1), true, 110);
    expect(tracker.ackDueAtMs()).toBe(120);
    expect(tracker.poll(119.9)).toBeUndefined();
    expect(tracker.poll(120)).toEqual({ ranges: [{ first: 0n, last: 1n }], ackDelayUs: 10_000 });
  });

  test('packets that elicit nothing are named along, and never alone', () => {
    const tracker = new AckTracker();
    tracker.onPacket(pn(0), false, 0);
    expect([tracker.ackDueAtMs(), tracker.poll(999), tracker.flush(999)]).toEqual([undefined, undefined, undefined]);
    tracker.onPacket(pn(1), true, 1000);
    expect(plain(tracker.poll(1020)?.ranges)).toEqual([[0, 1]]);
  });

  test('a gap hurries it, but not for every packet behind the gap', () => {
    const tracker = new AckTracker();
    receive(tracker, [0]);
    tracker.onPacket(pn(2), true, 1);
    expect(tracker.ackDueAtMs()).toBe(1);
    expect(plain(tracker.poll(1)?.ranges)).toEqual([
      [2, 2],
      [0, 0],
    ]);
    tracker.onPacket(pn(4), true, 2);
    expect(tracker.ackDueAtMs()).toBe(6);
    tracker.onPacket(pn(3), true, 3);
    tracker.onPacket(pn(1), true, 3);
    expect(plain(tracker.poll(6)?.ranges)).toEqual([[0, 4]]);
  });

  test('flush sends early, peek changes nothing', () => {
    const tracker = new AckTracker();
    receive(tracker, [0, 1]);
    expect(plain(tracker.peek(1)?.ranges)).toEqual([[0, 1]]);
    expect(tracker.peek(1)).toEqual(tracker.flush(1));
    expect([tracker.flush(1), tracker.peek(1)]).toEqual([undefined, undefined]);
  });

  test('duplicates are told, and acknowledged again: the first acknowledgement may be lost', () => {
    const tracker = new AckTracker();
    expect([tracker.onPacket(pn(0), true, 0), tracker.onPacket(pn(0), true, 0)]).toEqual(['new', 'duplicate']);
    receive(tracker, [2, 3, 4]);
    tracker.poll(20);
    expect(tracker.onPacket(pn(3), true, 30)).toBe('duplicate');
    expect(plain(tracker.poll(50)?.ranges)).toEqual([[2, 4]]);
  });

  test('names what changed and the highest range; repeat names everything', () => {
    const tracker = new AckTracker();
    receive(tracker, [0, 2, 4, 6]);
    tracker.poll(20);
    tracker.onPacket(pn(3), true, 30);
    expect(plain(tracker.poll(50)?.ranges)).toEqual([
      [6, 6],
      [2, 4],
    ]);
    tracker.repeat(60);
    expect(plain(tracker.poll(60)?.ranges)).toEqual([
      [6, 6],
      [2, 4],
      [0, 0],
    ]);
  });

  test('more changed ranges than a frame holds go out in several, at once', () => {
    const tracker = new AckTracker();
    receive(
      tracker,
      Array.from({ length: 150 }, (_, i) => 2 * i),
    );
    const named = new Set<number>();
    let frames = 0;
    for (let ack = tracker.poll(20); ack !== undefined; ack = tracker.poll(20)) {
      frames += 1;
      expect(ack.ranges.length).toBeLessThanOrEqual(MAX_ACK_RANGES_PER_FRAME);
      for (const { first } of ack.ranges) named.add(Number(first));
    }
    expect([frames, named.size]).toEqual([3, 150]);
  });

  test('memory is bounded: the oldest ranges go, and what is older counts as seen', () => {
    const tracker = new AckTracker();
    for (let i = 0; i < MAX_TRACKED_RANGES + 100; i++) tracker.onPacket(pn(2 * i + 1), true, 0);
    expect(tracker.rangeCount).toBe(MAX_TRACKED_RANGES);
    expect(tracker.onPacket(pn(10), true, 1)).toBe('duplicate');
    expect(tracker.onPacket(pn(2 * 100 + 2), true, 1)).toBe('new');
  });

  test('a number beyond what is exact is refused', () => {
    const tracker = new AckTracker();
    expect(() => tracker.onPacket(((1n << 53n) + 1n) as PacketNumber, true, 0)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' }),
    );
  });

  test('the delay follows the RTT of the path', () => {
    expect([0.4, 4, 20, 40, 400].map(ackDelayForRtt)).toEqual([1, 1, 5, 10, 20]);
    const tracker = new AckTracker({ maxAckDelayMs: 5 });
    tracker.onPacket(pn(0), true, 0);
    expect(tracker.ackDueAtMs()).toBe(5);
    tracker.maxAckDelayMs = 2;
    tracker.onPacket(pn(1), true, 1);
    expect(tracker.ackDueAtMs()).toBe(3);
  });
});

const arbitraryArrivals = fc.array(
  fc.record({ number: fc.nat({ max: 300 }), eliciting: fc.boolean(), gapMs: fc.integer({ min: 0, max: 8 }) }),
  { maxLength: 400 },
);

test('AckTracker behaves like a plain set: ranges are exact, well formed, and every packet is named in time', () => {
  fc.assert(
    fc.property(arbitraryArrivals, (arrivals) => {
      const tracker = new AckTracker();
      const seen = new Set<number>();
      const named = new Set<number>();
      const waitingSince = new Map<number, number>();
      const take = (ack: PendingAck, now: number): void => {
        let above = Number.POSITIVE_INFINITY;
        for (const [first, last] of plain(ack.ranges) as [number, number][]) {
          expect(first).toBeLessThanOrEqual(last);
          expect(last + 1).toBeLessThan(above);
          above = first;
          for (let n = first; n <= last; n++) named.add(n);
        }
        for (const n of named) {
          expect(seen.has(n)).toBe(true);
          if ((waitingSince.get(n) ?? now) < now - 20) throw new Error(`packet ${n} was named too late`);
          waitingSince.delete(n);
        }
      };
      let now = 0;
      for (const { number, eliciting, gapMs } of arrivals) {
        for (let until = now + gapMs; ; ) {
          const due = tracker.ackDueAtMs();
          if (due === undefined || due > until) {
            now = until;
            break;
          }
          now = Math.max(now, due);
          const ack = tracker.poll(now);
          if (ack !== undefined) take(ack, now);
        }
        expect(tracker.onPacket(pn(number), eliciting, now)).toBe(seen.has(number) ? 'duplicate' : 'new');
        seen.add(number);
        if (eliciting && !waitingSince.has(number)) waitingSince.set(number, now);
      }
      for (let due = tracker.ackDueAtMs(); due !== undefined; due = tracker.ackDueAtMs()) {
        now = Math.max(now, due);
        const ack = tracker.poll(now);
        if (ack !== undefined) take(ack, now);
      }
      expect([...waitingSince.keys()]).toEqual([]);
    }),
  );
});

test('both sides together: over any order of arrival the sender is left with exactly what did not arrive', () => {
  const order = fc.array(fc.record({ pick: fc.nat(), lost: fc.boolean() }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(order, (picks) => {
      const sender = new SentPackets<number>();
      const receiver = new AckTracker();
      const wire: number[] = [];
      for (let i = 0; i < picks.length; i++) {
        const number = sender.nextNumber();
        sender.record(number, 1, true, Number(number), i);
        wire.push(Number(number));
      }
      const lost: number[] = [];
      picks.forEach(({ pick, lost: isLost }, index) => {
        const [number] = wire.splice(pick % wire.length, 1) as [number];
        if (isLost) lost.push(number);
        else receiver.onPacket(pn(number), true, index);
        const ack = receiver.poll(index);
        if (ack !== undefined) sender.onAck(ack.ranges, ack.ackDelayUs, index);
      });
      for (let ack = receiver.poll(1e6); ack !== undefined; ack = receiver.poll(1e6)) {
        sender.onAck(ack.ranges, ack.ackDelayUs, 1e6);
      }
      expect(sender.takeAll()).toEqual(lost.sort((a, b) => a - b));
    }),
  );
});
