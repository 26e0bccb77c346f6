import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';

/** Calls `step`, which says how many bytes it sent, at a rate until so much is sent, time is up, or it says `undefined`. */
export async function paced(
  limits: { readonly megabytes: number; readonly megabytesPerSecond: number; readonly seconds: number },
  step: () => number | undefined | Promise<number | undefined>,
): Promise<number> {
  const begun = performance.now();
  let sent = 0;
  while (sent < limits.megabytes * 1e6 && performance.now() - begun < limits.seconds * 1000) {
    const bytes = await step();
    if (bytes === undefined) break;
    sent += bytes;
    const early = sent / (limits.megabytesPerSecond * 1e3) - (performance.now() - begun);
    await (early > 1 ? wait(early) : turn());
  }
  return sent;
}
