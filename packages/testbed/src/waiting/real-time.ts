/** Often enough to notice at once, seldom enough to leave the processor to what is waited for. */
const LOOK_EVERY_MS = 1;
/** For machines that do much else at the time. */
const PATIENCE_MS = 20_000;

/**
 * Lets so much real time pass, for tests over real sockets: to see that something does not happen, or to write at a rate.
 * What will happen is waited for with `until`, and where no socket is involved time is a VirtualClock's.
 */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits in real time until `condition` holds. Rejects with an Error when it does not within `patienceMs`. */
export async function until(condition: () => boolean, patienceMs = PATIENCE_MS): Promise<void> {
  const endMs = performance.now() + patienceMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`it did not happen within ${patienceMs} ms`);
    await pause(LOOK_EVERY_MS);
  }
}
