import type { UserCallbacks } from './user-callbacks.js';

/** A jitter like any other, when the application's own random source fails. */
const HALF = 0.5;

/** 0 <= random() < 1, of the application's own source where it has one. */
export function jitterOf(callbacks: Pick<UserCallbacks, 'ask'>, random: () => number = Math.random): () => number {
  return () => callbacks.ask('runtime.random', random, HALF);
}
