import { KwikError } from '@kwik/wire';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { LiveTransfer } from '../ui/live-transfer.js';
import { styleFor } from '../ui/style.js';
import { formatBytes } from '../ui/units.js';
import { Fetch } from '../stage/fetch.js';
import { Stage } from '../stage/stage.js';
import { bestServer, planDemo, SAMPLE_SHARE, type DemoOptions, type DemoServer } from './plan.js';
import { demoResult, describeOutcome, isWhole, type DemoOutcome } from './summary.js';

/** `kwik demo`: resolves with the exit status, or throws the one error that ended it. */
export async function runDemo(options: DemoOptions, io: CliIo): Promise<ExitCode> {
  const plan = planDemo(options);
  const interrupted = new AbortController();
  const stopListening = io.onInterrupt(() => interrupted.abort(new KwikError('ERR_KWIK_ABORTED', 'interrupted')));
  const say = (line: string): void => {
    if (!options.json) io.stderr.print(`${line}\n`);
  };
  say(
    `Three steps, all on this machine: ${plan.length} servers behind links of ${options.rates.join(', ')} Mbit/s and 20 ms.`,
  );
  say(`1. Making a file of ${formatBytes(options.bytes)} and starting the servers, a process each.`);
  let stage: Stage | undefined;
  try {
    stage = await Stage.set(io, {
      bytes: options.bytes,
      sampleBytes: Math.round(options.bytes * SAMPLE_SHARE),
      seed: options.seed,
      ratesBps: plan.map(({ rateBitsPerSecond }) => rateBitsPerSecond),
    });
    interrupted.signal.throwIfAborted();
    const outcome = await perform({ options, io, plan, stage, say, signal: interrupted.signal });
    report(outcome, options, io);
    return isWhole(outcome) ? EXIT.ok : EXIT.failed;
  } catch (error) {
    throw interrupted.signal.aborted ? interrupted.signal.reason : error;
  } finally {
    await stage?.clear();
    stopListening();
  }
}

interface Performance {
  readonly options: DemoOptions;
  readonly io: CliIo;
  readonly plan: readonly DemoServer[];
  readonly stage: Stage;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

async function perform({ options, io, plan, stage, signal, say }: Performance): Promise<DemoOutcome> {
  const best = bestServer(plan);
  say(`2. For comparison: the first quarter of it from ${plan[best]!.name} alone.`);
  const single = new Fetch({ io, stage, server: best, together: false, signal });
  const alone = await watch(single, 'alone', { options, io, plan, stage }, () => undefined);

  say(`3. The whole file from all of them at once${options.kill ? '; half-way the second server is killed' : ''}.`);
  const all = new Fetch({ io, stage, server: 0, together: true, signal });
  let killedAtMs: number | undefined;
  const victim = plan.findIndex((server) => server.victim);
  const together = await watch(all, 'together', { options, io, plan, stage }, (done, total) => {
    if (killedAtMs !== undefined || victim < 0 || done < total / 2) return undefined;
    killedAtMs = all.state().elapsedMs;
    stage.servers[victim]!.kill();
    return `   ${plan[victim]!.name} is killed now, without a word to anybody; the others take over its part.`;
  });
  return {
    plan,
    best,
    alone: alone.state,
    together: together.state,
    servers: all.servers().map((server) => ({ ...server, index: stage.indexOf(server.server) })),
    expectedSha256: stage.sha256,
    sha256: together.sha256,
    killedAtMs,
  };
}

/** Runs a fetch and shows it, unless JSON is wanted; shows also what `onContent` has to say. */
async function watch(
  fetch: Fetch,
  title: string,
  { options, io, plan, stage }: Pick<Performance, 'options' | 'io' | 'plan' | 'stage'>,
  onContent: (done: number, total: number) => string | undefined,
): Promise<Awaited<ReturnType<Fetch['run']>>> {
  if (options.json) return fetch.run((done, total) => void onContent(done, total));
  const live = new LiveTransfer(io, () => ({
    title,
    transfer: fetch.state(),
    servers: fetch.servers(),
    nameOf: ({ server }) => plan[stage.indexOf(server)]?.name ?? server,
  }));
  try {
    return await fetch.run((done, total) => {
      const news = onContent(done, total);
      if (news !== undefined) live.log(news);
    });
  } finally {
    live.stop(true);
  }
}

function report(outcome: DemoOutcome, options: DemoOptions, io: CliIo): void {
  if (options.json) {
    io.stdout.print(`${JSON.stringify(demoResult(outcome))}\n`);
    return;
  }
  const { unicode } = styleFor(io.stdout, io.env);
  const lines = describeOutcome(outcome, unicode ? '✓ ' : '', unicode ? '✗ ' : 'ERROR: ');
  io.stdout.print(`\n${lines.join('\n')}\n`);
}
