import { KwikError } from '@kwik/wire';
import { usageError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { canFillDisks } from '../stage/full-disk.js';
import { Fetch } from '../stage/fetch.js';
import { Stage } from '../stage/stage.js';
import { styleFor } from '../ui/style.js';
import { formatBytes, formatSeconds } from '../ui/units.js';
import type { FaultName } from './faults.js';
import { checkChaosOptions, planFaults, type ChaosOptions, type PlannedFault } from './plan.js';
import { broken, chaosResult, describeChaos, type Attempt } from './report.js';
import { Storm } from './storm.js';

/** A primary that is back may have lost the session all the same: a transfer that began before it was struck. */
const AFTERMATH_MS = 15_000;
const RETRY_MS = 200;

/** `kwik chaos`: resolves with the exit status, or throws the one error that ended it. */
export async function runChaos(options: ChaosOptions, io: CliIo): Promise<ExitCode> {
  const faults = planFaults(options, possibleHere(options, checkChaosOptions(options)));
  const interrupted = new AbortController();
  const stopListening = io.onInterrupt(() => interrupted.abort(new KwikError('ERR_KWIK_ABORTED', 'interrupted')));
  const say = (line: string): void => {
    if (!options.json) io.stderr.print(`${line}\n`);
  };
  say(
    `${options.rates.length} servers on this machine, a file of ${formatBytes(options.bytes)}, seed ${options.seed}.`,
  );
  let stage: Stage | undefined;
  try {
    const ratesBps = options.rates.map((rate) => rate * 1e6);
    const { bytes, seed } = options;
    stage = await Stage.set(io, { bytes, sampleBytes: 0, seed, ratesBps, ownCopies: true, records: true });
    interrupted.signal.throwIfAborted();
    const storm = new Storm(stage, faults, (atMs, text) => say(`${formatSeconds(atMs).padStart(8)}  ${text}`));
    const attempts = await transferUntilTheEnd({ options, io, stage, storm, faults, say, signal: interrupted.signal });
    const outcome = { options, faults: storm.begun, attempts, expectedSha256: stage.sha256 };
    const { unicode } = styleFor(io.stdout, io.env);
    const lines = describeChaos(outcome, unicode ? '✓ ' : '', unicode ? '✗ ' : 'ERROR: ');
    io.stdout.print(options.json ? `${JSON.stringify(chaosResult(outcome))}\n` : `\n${lines.join('\n')}\n`);
    return broken(outcome).length === 0 && attempts.length > 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    throw interrupted.signal.aborted ? interrupted.signal.reason : error;
  } finally {
    await stage?.clear();
    stopListening();
  }
}

/** Where disks cannot be filled, they are not unless the user asks for it. Throws a usage error then. */
function possibleHere(options: ChaosOptions, faults: readonly FaultName[]): readonly FaultName[] {
  if (!faults.includes('disk-full') || canFillDisks()) return faults;
  if (options.faults.length > 0)
    throw usageError('--faults: disk-full takes the program prlimit (util-linux) of Linux');
  return faults.filter((name) => name !== 'disk-full');
}

interface Run {
  readonly options: ChaosOptions;
  readonly io: CliIo;
  readonly stage: Stage;
  readonly storm: Storm;
  readonly faults: readonly PlannedFault[];
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** One transfer after the other, as long as the storm lasts; the last one is let finish. */
async function transferUntilTheEnd(run: Run): Promise<Attempt[]> {
  const { options, io, storm, say, signal } = run;
  const attempts: Attempt[] = [];
  const beganMs = io.now();
  const elapsed = (): number => io.now() - beganMs;
  storm.begin();
  try {
    while (elapsed() < options.seconds * 1000) {
      signal.throwIfAborted();
      const attempt = await transfer(run, elapsed);
      attempts.push(attempt);
      const result = attempt.error ?? (attempt.sha256 === run.stage.sha256 ? 'whole' : 'DIFFERS');
      say(`${formatSeconds(elapsed()).padStart(8)}  transfer ${attempts.length}: ${result}`);
      if (attempt.error !== undefined) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  } finally {
    await storm.end();
  }
  return attempts;
}

async function transfer({ io, stage, faults, signal }: Run, elapsed: () => number): Promise<Attempt> {
  const fetch = new Fetch({ io, stage, server: 0, together: true, signal });
  const beganMs = elapsed();
  let sha256: string | undefined;
  let error: string | undefined;
  try {
    ({ sha256 } = await fetch.run(() => undefined));
  } catch (thrown) {
    signal.throwIfAborted();
    error = KwikError.from(thrown).message;
  }
  const endedMs = elapsed();
  const { receivedBytes, maxGapMs } = fetch.state();
  const excused = faults.some(({ server, atMs, durationMs }) => {
    return server === 0 && atMs <= endedMs && atMs + durationMs + AFTERMATH_MS >= beganMs;
  });
  return { beganMs, tookMs: endedMs - beganMs, sha256, receivedBytes, maxGapMs, error, excused };
}
