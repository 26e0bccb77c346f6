import { describe, expect, test } from '@jest/globals';
import type { Clock } from '@kwik/wire';
import { DeadlineHeap, type HeapItem } from './deadline-heap.js';
import { TurnLoop, TurnTime, type TurnTaker } from './turn-loop.js';

function item(): HeapItem {
  return { heapIndex: -1, deadlineMs: 0 };
}

describe('DeadlineHeap', () => {
  test('gives deadlines in order through thousands of moves and removals, as a sorted list would', () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return seed % below;
    };
    const heap = new DeadlineHeap<HeapItem>();
    const items = Array.from({ length: 200 }, item);
    const model = new Map<HeapItem, number>();
    for (let step = 0; step < 5_000; step += 1) {
      const one = items[random(items.length)];
      if (one === undefined) continue;
      if (random(4) === 0) {
        heap.remove(one);
        model.delete(one);
      } else {
        const at = random(10_000);
        heap.set(one, at);
        model.set(one, at);
      }
      expect(heap.size).toBe(model.size);
      expect(heap.earliest()).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
    }
    const order: number[] = [];
    for (let due = heap.popDue(20_000); due !== undefined; due = heap.popDue(20_000)) order.push(due.deadlineMs);
    expect(order).toEqual([...model.values()].toSorted((a, b) => a - b));
  });

  test('only what is due comes out', () => {
    const heap = new DeadlineHeap<HeapItem>();
    const one = item();
    heap.set(one, 10);
    expect(heap.popDue(9.9)).toBeUndefined();
    expect(heap.popDue(10)).toBe(one);
    expect(heap.popDue(10)).toBeUndefined();
    heap.remove(one);
    expect(heap.size).toBe(0);
  });
});

class FakeClock implements Clock {
  time = 0;
  readonly timers: { at: number; callback: () => void; cancelled: boolean }[] = [];

  now(): number {
    return this.time;
  }

  schedule(delayMs: number, callback: () => void): { cancel(): void } {
    const timer = { at: this.time + delayMs, callback, cancelled: false };
    this.timers.push(timer);
    return { cancel: () => (timer.cancelled = true) };
  }

  get armed(): number[] {
    return this.timers.filter((timer) => !timer.cancelled).map((timer) => timer.at);
  }

  advanceTo(time: number): void {
    this.time = time;
    for (const timer of this.timers.filter(({ at, cancelled }) => at <= time && !cancelled)) {
      timer.cancelled = true;
      timer.callback();
    }
  }
}

class Taker implements TurnTaker {
  heapIndex = -1;
  deadlineMs = 0;
  waiting = false;
  answering = false;
  owesAcknowledgement = false;
  turns: number[] = [];
  expired: number[] = [];
  next = Infinity;
  onTurn: (() => void) | undefined;
  onTransmit: (() => void) | undefined;
  onExpire: (() => void) | undefined;
  rank: 0 | 1 | 2 = 0;
  usedMs = 0;
  readonly processor = {
    rank: (): 0 | 1 | 2 => this.rank,
    charge: (ms: number): void => void (this.usedMs += ms),
  };

  expire(now: number): void {
    this.expired.push(now);
    this.onExpire?.();
  }

  deliver(now: number): void {
    this.turns.push(now);
    this.onTurn?.();
  }

  transmit(): void {
    this.owesAcknowledgement = false;
    this.onTransmit?.();
  }

  nextDeadlineMs(): number {
    return this.next;
  }
}

const INPUT = { received: () => 0, readsAtOnce: 32, turnTime: new TurnTime() };

function loopOn(clock: Clock, received = (): number => 0): TurnLoop<Taker> {
  return new TurnLoop<Taker>(
    clock,
    { ...INPUT, received },
    () => undefined,
    () => undefined,
    () => undefined,
  );
}

const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('TurnLoop', () => {
  test('many wakes make one turn, and never at once', async () => {
    const clock = new FakeClock();
    const after: Taker[] = [];
    const loop = new TurnLoop<Taker>(
      clock,
      INPUT,
      () => undefined,
      (taker) => after.push(taker),
      () => undefined,
    );
    const taker = new Taker();
    for (let i = 0; i < 5; i += 1) loop.wake(taker);
    expect(taker.turns).toEqual([]);
    await immediate();
    expect(taker.turns).toEqual([0]);
    expect(after).toEqual([taker]);
  });

  test('promises settle between the halves of a turn', async () => {
    const loop = loopOn(new FakeClock());
    const taker = new Taker();
    const order: string[] = [];
    taker.onTurn = () => {
      order.push('told');
      void Promise.resolve()
        .then(() => undefined)
        .then(() => order.push('answered'));
    };
    taker.onTransmit = () => order.push('sent');
    loop.wake(taker);
    await immediate();
    expect(order).toEqual(['told', 'answered', 'sent']);
  });

  test('a turn can be asked for by a time; it is had before if it was wanted before', async () => {
    const clock = new FakeClock();
    const loop = loopOn(clock);
    const taker = new Taker();
    loop.wakeBy(taker, 2, 0);
    loop.wakeBy(taker, 3, 0.5);
    await immediate();
    expect([taker.turns, clock.armed]).toEqual([[], [2]]);
    clock.advanceTo(2);
    await immediate();
    expect(taker.turns).toEqual([2]);
    loop.wakeBy(taker, 4, 2.5);
    loop.wake(taker);
    await immediate();
    expect(taker.turns).toEqual([2, 2]);
    // Not later than now: soon, as a wake.
    loop.wakeBy(taker, 2, 2);
    expect(taker.turns).toEqual([2, 2]);
    await immediate();
    expect(taker.turns).toEqual([2, 2, 2]);
  });

  test('one timer for the earliest deadline of all; later ones need no other timer', async () => {
    const clock = new FakeClock();
    const loop = loopOn(clock);
    const takers = [30, 10, 20].map((next) => Object.assign(new Taker(), { next }));
    for (const taker of takers) loop.wake(taker);
    await immediate();
    expect(clock.armed).toEqual([10]);
    for (const taker of takers) taker.next += 100;
    clock.advanceTo(10);
    await immediate();
    expect(takers.map(({ expired }) => expired)).toEqual([[], [10], []]);
    expect(clock.armed).toEqual([20]);
    clock.advanceTo(40);
    await immediate();
    expect(takers.map(({ turns }) => turns)).toEqual([
      [0, 40],
      [0, 10],
      [0, 40],
    ]);
  });

  test('an exception in one turn is reported and does not stop the others', async () => {
    const clock = new FakeClock();
    const errors: unknown[] = [];
    const loop = new TurnLoop<Taker>(
      clock,
      INPUT,
      () => undefined,
      () => undefined,
      (_, error) => errors.push(error),
    );
    const [bad, good] = [new Taker(), new Taker()];
    bad.onTurn = () => {
      throw new Error('a bug');
    };
    loop.wake(bad);
    loop.wake(good);
    await immediate();
    expect(errors).toHaveLength(1);
    expect(good.turns).toHaveLength(1);
  });

  test('a wake during a turn leads to the next one', async () => {
    const clock = new FakeClock();
    const loop = loopOn(clock);
    const taker = new Taker();
    taker.onTurn = () => {
      if (taker.turns.length < 3) loop.wake(taker);
    };
    loop.wake(taker);
    for (let i = 0; i < 5; i += 1) await immediate();
    expect(taker.turns).toHaveLength(3);
  });

  test('turns that take long leave time for what comes in between, and each gets its own, in order', async () => {
    const clock = new FakeClock();
    const loop = loopOn(clock);
    const order: number[] = [];
    const takers = Array.from({ length: 4 }, (_, index) => {
      const taker = new Taker();
      taker.onTurn = () => {
        order.push(index);
        clock.time += 1.5;
      };
      return taker;
    });
    for (const taker of takers) loop.wake(taker);
    await immediate();
    expect(order).toEqual([0, 1]);
    loop.wake(takers[0]!);
    await immediate();
    expect(order).toEqual([0, 1, 2, 3]);
    await immediate();
    expect(order).toEqual([0, 1, 2, 3, 0]);
  });

  test('who waits behind others acknowledges what came before it has its turn, and where nobody is behind within it', async () => {
    const clock = new FakeClock();
    const loop = loopOn(clock);
    const order: string[] = [];
    const takers = Array.from({ length: 6 }, (_, index) => {
      const taker = new Taker();
      taker.next = 1000;
      taker.onTurn = () => {
        order.push(`told ${index}`);
        clock.time += 1.5;
      };
      taker.onTransmit = () => order.push(`sends ${index}`);
      return taker;
    });
    const receive = (taker: Taker): void => {
      taker.owesAcknowledgement = true;
      loop.wakeBy(taker, clock.time, clock.time);
    };
    for (const taker of takers.slice(0, 5)) receive(taker);
    await immediate();
    expect(order.splice(0)).toEqual(['told 0', 'told 1', 'sends 0', 'sends 1']);
    receive(takers[4]!);
    receive(takers[5]!);
    receive(takers[5]!);
    await immediate();
    expect(order.splice(0)).toEqual(['told 2', 'told 3', 'sends 4', 'sends 5', 'sends 2', 'sends 3']);
    await immediate();
    expect(order.splice(0)).toEqual(['told 4', 'told 5', 'sends 4', 'sends 5']);
    expect(clock.armed).toEqual([1000]);
    receive(takers[0]!);
    await immediate();
    expect(order).toEqual(['told 0', 'sends 0']);
  });

  test.each([
    { readMs: 1, turns: 2 },
    { readMs: 30, turns: 21 },
    { readMs: 1000, turns: 34 },
  ])('with $readMs ms of reading between turns, each has $turns that take 1.5 ms', async ({ readMs, turns }) => {
    const clock = new FakeClock();
    const loop = loopOn(clock);
    let had = 0;
    for (let i = 0; i < 100; i += 1) {
      const taker = new Taker();
      taker.onTurn = () => {
        had += 1;
        clock.time += 1.5;
      };
      loop.wake(taker);
    }
    await immediate();
    expect(had).toBe(2);
    clock.time += readMs;
    await immediate();
    expect(had).toBe(2 + turns);
    while (had < 100) await immediate();
  });

  test('what users do with what they are told counts: fewer are told in a turn, so that reading and sending have their time', async () => {
    const clock = new FakeClock();
    const loop = loopOn(clock);
    let had = 0;
    for (let i = 0; i < 500; i += 1) {
      const taker = new Taker();
      taker.onTurn = () => {
        had += 1;
        clock.time += 1;
        queueMicrotask(() => (clock.time += 9));
      };
      loop.wake(taker);
    }
    const turns: number[] = [];
    while (had < 500) {
      const before = had;
      await immediate();
      turns.push(had - before);
      clock.time += 100;
    }
    expect(Math.max(...turns)).toBeLessThanOrEqual(51);
    for (const inTurn of turns.slice(12, -1)) expect(inTurn).toBeLessThanOrEqual(8);
  });

  test('the turns of another loop of the process are no reading', async () => {
    const clock = new FakeClock();
    const takersOf = (loop: TurnLoop<Taker>): Taker[] =>
      Array.from({ length: 20 }, () => {
        const taker = Object.assign(new Taker(), { onTurn: () => (clock.time += 1.5) });
        loop.wake(taker);
        return taker;
      });
    const takers = [takersOf(loopOn(clock)), takersOf(loopOn(clock)), takersOf(loopOn(clock))];
    const had = (): number[] => takers.map((of) => of.filter(({ turns }) => turns.length > 0).length);
    await immediate();
    await immediate();
    await immediate();
    expect(had()).toEqual([6, 6, 6]);
    while (had().some((some) => some < 20)) await immediate();
  });

  test('that nothing came for a long time makes no turn longer', async () => {
    const clock = new FakeClock();
    const loop = loopOn(clock);
    const takers = Array.from({ length: 10 }, () => Object.assign(new Taker(), { onTurn: () => (clock.time += 1.5) }));
    loop.wake(takers[0]!);
    await immediate();
    clock.time += 1000;
    for (const taker of takers) loop.wake(taker);
    await immediate();
    expect(takers.filter(({ turns }) => turns.length > 0)).toHaveLength(2);
  });

  test('who has had more than its share goes after the others, and not while there may be more to be read', async () => {
    const clock = new FakeClock();
    let received = 0;
    const loop = loopOn(clock, () => received);
    const order: string[] = [];
    const [greedy, first, second] = ['greedy', 'first', 'second'].map((name) => {
      const taker = new Taker();
      taker.onTurn = () => order.push(name);
      return taker;
    });
    if (greedy === undefined || first === undefined || second === undefined) throw new Error('three are needed');
    greedy.rank = 2;
    for (const taker of [greedy, first, second]) loop.wake(taker);
    await immediate();
    expect(order.splice(0)).toEqual(['first', 'second', 'greedy']);
    for (const taker of [greedy, first]) loop.wake(taker);
    received += 32;
    await immediate();
    expect(order.splice(0)).toEqual(['first']);
    received += 3;
    await immediate();
    expect(order.splice(0)).toEqual(['greedy']);
    loop.wake(greedy);
    greedy.rank = 0;
    received += 32;
    await immediate();
    expect(order).toEqual(['greedy']);
  });

  test('those who go after the others go by their rank', async () => {
    const loop = loopOn(new FakeClock());
    const order: number[] = [];
    for (const rank of [2, 1, 0, 2, 1] as const) {
      loop.wake(Object.assign(new Taker(), { rank, onTurn: () => order.push(rank) }));
    }
    await immediate();
    expect(order).toEqual([0, 1, 1, 2, 2]);
  });

  test('each is charged for its own time, in both halves of its turn', async () => {
    const clock = new FakeClock();
    const loop = loopOn(clock);
    const [one, other] = [new Taker(), new Taker()];
    one.onTurn = () => (clock.time += 0.5);
    other.onTurn = () => (clock.time += 0.25);
    other.onTransmit = () => (clock.time += 1);
    loop.wake(one);
    loop.wake(other);
    await immediate();
    expect([one.usedMs, other.usedMs]).toEqual([0.5, 1.25]);
  });

  test.each([
    ['all, where that takes no time', 0, 40],
    ['as many as half a turn has time for', 0.1, 20],
    ['a few, however long they take', 1, 16],
  ])('of very many deadlines that are due, so many are looked after at once: %s', async (_, tookMs, atOnce) => {
    const clock = new FakeClock();
    const loop = loopOn(clock);
    const onExpire = (): void => void (clock.time += tookMs);
    const takers = Array.from({ length: 40 }, () => Object.assign(new Taker(), { next: 10, onExpire }));
    for (const taker of takers) loop.wake(taker);
    await immediate();
    for (const taker of takers) taker.next = Infinity;
    const expired = (): number => takers.filter(({ expired: times }) => times.length > 0).length;
    clock.advanceTo(20);
    expect(expired()).toBe(atOnce);
    clock.advanceTo(100);
    clock.advanceTo(200);
    expect(expired()).toBe(40);
  });

  test('stopped, it does nothing more', async () => {
    const clock = new FakeClock();
    const loop = loopOn(clock);
    const taker = Object.assign(new Taker(), { next: 5 });
    loop.wake(taker);
    await immediate();
    loop.stop();
    loop.wake(taker);
    clock.advanceTo(100);
    await immediate();
    expect(taker.turns).toEqual([0]);
  });
});
