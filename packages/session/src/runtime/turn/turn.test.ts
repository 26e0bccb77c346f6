import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { Turn } from './turn.js';

/** A session that writes down what its turn has it do. */
class Recorder {
  readonly clock = new VirtualClock();
  readonly done: string[] = [];
  nextMs = Number.POSITIVE_INFINITY;
  onPrepare = (): void => undefined;
  readonly turn = new Turn(this.clock, {
    prepare: () => {
      this.done.push('prepare');
      this.onPrepare();
    },
    send: () => void this.done.push('send'),
    handleTimeout: (now) => {
      this.done.push(`timeout at ${now}`);
      this.nextMs = Number.POSITIVE_INFINITY;
    },
    nextTimeoutMs: () => this.nextMs,
    failed: (error) => void this.done.push(`failed: ${(error as Error).message}`),
  });

  /** What was done by the end of the turn of the event loop. */
  async end(): Promise<string> {
    await Promise.resolve();
    return this.done.splice(0).join(', ');
  }
}

describe('Turn', () => {
  test('comes once, however often the session is woken', async () => {
    const session = new Recorder();
    for (let times = 0; times < 3; times++) session.turn.wake();
    session.turn.onQueued();
    expect(session.done).toEqual([]);
    expect(await session.end()).toBe('prepare, send');
    expect(await session.end()).toBe('');
  });

  test('what is queued while it is prepared goes out with it; what happens then needs another', async () => {
    const session = new Recorder();
    session.onPrepare = () => session.turn.onQueued();
    session.turn.wake();
    expect(await session.end()).toBe('prepare, send');
    expect(await session.end()).toBe('');
    session.onPrepare = () => {
      session.onPrepare = () => undefined;
      session.turn.wake();
    };
    session.turn.wake();
    expect(await session.end()).toBe('prepare, send');
    expect(await session.end()).toBe('prepare, send');
    expect(await session.end()).toBe('');
  });

  test('a deadline is met, also one that moved to an earlier time', async () => {
    const session = new Recorder();
    session.nextMs = 100;
    session.turn.arm();
    session.nextMs = 40;
    session.turn.arm();
    await session.clock.advanceByAsync(100);
    expect(await session.end()).toBe('timeout at 40');
  });

  test('an error ends in `failed`, for nobody catches it elsewhere', async () => {
    const session = new Recorder();
    session.onPrepare = () => {
      throw new Error('a mistake');
    };
    session.turn.wake();
    expect(await session.end()).toBe('prepare, failed: a mistake');
  });

  test('a session that is over has no turns, also when it ends in the middle of one', async () => {
    const session = new Recorder();
    session.nextMs = 10;
    session.turn.arm();
    session.onPrepare = () => session.turn.stop();
    session.turn.wake();
    expect(await session.end()).toBe('prepare');
    session.turn.wake();
    await session.clock.advanceByAsync(100);
    expect(await session.end()).toBe('');
  });
});
