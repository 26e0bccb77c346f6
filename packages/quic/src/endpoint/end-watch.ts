import type { Clock } from '@kwik/wire';

export interface Endable {
  readonly ended: boolean;
}

/** Lets callers wait until connections have ended: what they had to send has left, close frames included. */
export class EndWatch<T extends Endable> {
  private readonly waits = new Set<{ readonly left: Set<T>; readonly done: () => void }>();

  constructor(private readonly clock: Clock) {}

  ended(connection: T): void {
    for (const { left, done } of this.waits) {
      if (left.delete(connection) && left.size === 0) done();
    }
  }

  /** Resolves when all have ended, and after `timeoutMs` at the latest. */
  wait(connections: Iterable<T>, timeoutMs: number): Promise<void> {
    const left = new Set([...connections].filter(({ ended }) => !ended));
    if (left.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.waits.delete(wait);
        resolve();
      };
      const wait = { left, done };
      const timer = this.clock.schedule(timeoutMs, done);
      this.waits.add(wait);
    });
  }
}
