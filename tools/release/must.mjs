import { run } from '../lib/run.mjs';

const TIMEOUT_MS = 600_000;

/**
 * Runs a program; rejects with its output when it fails.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('../lib/run.mjs').RunOptions} [options]
 */
export async function must(command, args, options = {}) {
  const result = await run(command, args, { timeoutMs: TIMEOUT_MS, ...options });
  if (result.code === 0) return result;
  throw new Error(`${command} ${args.join(' ')} ended with ${result.code}:\n${result.output.slice(-4000)}`);
}
