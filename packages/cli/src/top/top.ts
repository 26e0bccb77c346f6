import { setTimeout as sleep } from 'node:timers/promises';
import { reportError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { Screen } from '../ui/screen.js';
import { styleFor } from '../ui/style.js';
import { AdminClient } from './admin-client.js';
import { topLines } from './top-view.js';

const EVERY_MS = 1_000;
const TOKEN_VARIABLE = 'KWIK_ADMIN_TOKEN';

export interface TopOptions {
  /** Show it once, and end; so it is also where nothing can be drawn in place. */
  readonly once: boolean;
  /** Of a session, or the first characters of it. */
  readonly session?: string;
}

/** `kwik top`: what a server with `--admin` does, until Ctrl-C. */
export async function runTop(address: string, options: TopOptions, io: CliIo): Promise<ExitCode> {
  const client = new AdminClient(address, io.env[TOKEN_VARIABLE]);
  const style = styleFor(io.stdout, io.env);
  const ended = new AbortController();
  const release = io.onInterrupt(() => ended.abort());
  const screen = new Screen(io.stdout, style);
  const isOnce = options.once || !style.live;
  try {
    for (;;) {
      if (isOnce) {
        // Rates are what has come since somebody last looked.
        await client.state(options.session);
        await sleep(EVERY_MS, undefined, { signal: ended.signal }).catch(() => undefined);
      }
      const lines = topLines(await client.state(options.session), style, io.stdout.columns());
      if (isOnce) {
        io.stdout.print(`${lines.join('\n')}\n`);
        return EXIT.ok;
      }
      screen.draw(lines);
      await sleep(EVERY_MS, undefined, { signal: ended.signal }).catch(() => undefined);
      if (ended.signal.aborted) return EXIT.ok;
    }
  } finally {
    release();
    screen.finish();
  }
}

/** `kwik health`: for probes. Exit status 0 when all is well, 1 when something is wrong, 4 when nobody answers. */
export async function runHealth(address: string, io: CliIo): Promise<ExitCode> {
  try {
    const { status, problems } = await new AdminClient(address, io.env[TOKEN_VARIABLE]).health();
    io.stdout.print(`${[status, ...problems].join('\n')}\n`);
    // A server of several workers serves while one of them answers.
    return status === 'failing' ? EXIT.failed : EXIT.ok;
  } catch (error) {
    const { message, exitCode } = reportError(error);
    io.stderr.print(`kwik: ${message}\n`);
    return exitCode;
  }
}
