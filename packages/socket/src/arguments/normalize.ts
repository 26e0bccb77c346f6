/** A callback as `connect` and `listen` take it, last. */
export type Callback = () => void;

/** `(options[, callback])`, `(path[, …][, callback])` or `([port][, host][, …][, callback])` as options and callback. */
export function normalizeArguments(args: readonly unknown[]): {
  readonly options: object;
  readonly callback: Callback | undefined;
} {
  const [first, second] = args;
  const last = args.at(-1);
  const callback = typeof last === 'function' ? (last as Callback) : undefined;
  if (args.length === 0) return { options: {}, callback };
  if (typeof first === 'object' && first !== null) return { options: first, callback };
  if (isPipeName(first)) return { options: { path: first }, callback };
  return { options: { port: first, ...(typeof second === 'string' && { host: second }) }, callback };
}

/** A string that is no number names a pipe. */
function isPipeName(value: unknown): value is string {
  return typeof value === 'string' && toNumber(value) === undefined;
}

/** The number that the value stands for, if it is not negative. */
export function toNumber(value: unknown): number | undefined {
  const number = Number(value);
  return number >= 0 ? number : undefined;
}
