/**
 * A module for `node --import` by which the wall clock of the process is ahead by so many milliseconds, or behind where that is
 * negative. Timers and `performance.now()` go on as they do. A URL that holds its own text: there is no file to be found.
 */
export function wrongClock(aheadMs: number): string {
  const source = `
    const Right = Date;
    const now = () => Right.now() + ${Math.trunc(aheadMs)};
    globalThis.Date = new Proxy(Right, {
      apply: () => new Right(now()).toString(),
      construct: (target, args) => new Right(...(args.length === 0 ? [now()] : args)),
      get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
    });`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
