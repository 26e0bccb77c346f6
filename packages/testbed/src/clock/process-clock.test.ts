import { describe, expect, test } from '@jest/globals';

import { ProcessClock } from './process-clock.js';
import { VirtualClock } from './virtual-clock.js';

describe('ProcessClock', () => {
  test('has a zero point of its own, and timers of the world', () => {
    const world = new VirtualClock({ startMs: 100 });
    const clock = new ProcessClock(world, { offsetMs: 5000 });
    const at: number[] = [];
    clock.schedule(20, () => at.push(clock.now()));
    clock.schedule(30, () => at.push(clock.now())).cancel();
    expect(clock.pendingTimers).toBe(1);
    world.runUntilIdle();
    expect(at).toEqual([5120]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a sleeping process is late: its timers first, in order, then what came for it', () => {
    const world = new VirtualClock();
    const clock = new ProcessClock(world);
    const seen: [string, number][] = [];
    const note = (name: string) => () => seen.push([name, clock.now()]);
    clock.schedule(10, note('first'));
    const cancelled = clock.schedule(12, note('cancelled while asleep'));
    clock.schedule(20, note('second'));
    clock.schedule(80, note('after'));
    clock.sleep(50);
    world.schedule(5, () => clock.input(note('packet')));
    world.advanceTo(30);
    expect(clock.asleep).toBe(true);
    cancelled.cancel();
    clock.sleep(10); // shorter than what is left: changes nothing
    world.runUntilIdle();
    expect(seen).toEqual([
      ['first', 50],
      ['second', 50],
      ['packet', 50],
      ['after', 80],
    ]);
    clock.input(note('awake'));
    expect(seen.at(-1)).toEqual(['awake', 80]);
  });

  test('the kernel keeps only so much for a process that sleeps', () => {
    const world = new VirtualClock();
    const clock = new ProcessClock(world);
    let got = 0;
    clock.sleep(10);
    for (let i = 0; i < 1000; i++) clock.input(() => got++);
    world.runUntilIdle();
    expect(got).toBe(256);
  });

  test('a process that ended runs nothing more, and leaves no timer', () => {
    const world = new VirtualClock();
    const clock = new ProcessClock(world);
    const ran: string[] = [];
    clock.schedule(10, () => ran.push('timer'));
    clock.end();
    clock.input(() => ran.push('input'));
    clock.schedule(1, () => ran.push('late timer'));
    expect(world.pendingTimers).toBe(0);
    world.runUntilIdle();
    expect(ran).toEqual([]);
  });
});
