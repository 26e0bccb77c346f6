/** `pnpm sim`: sessions under seeded faults, in virtual time. See docs/simulation.md. */
import { kindOfSeed, planOfSeed } from './plan/draw-plan.js';
import { readArgs, USAGE, type SimArgs } from './run/args.js';
import { Pool } from './run/pool.js';
import { runPlan } from './run/run-plan.js';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** What makes the seed fail in the same way. */
function optionsOf(seed: number, { canary, kind: kinds }: SimArgs): string {
  const kind = kindOfSeed(seed, kinds);
  return `${kind === 'work' ? '' : ` --${kind}`}${canary === undefined ? '' : ` --canary ${canary}`}`;
}

async function showSeed(args: SimArgs): Promise<boolean> {
  const plan = planOfSeed(args.from, kindOfSeed(args.from, args.kind));
  print(JSON.stringify(plan, null, 1));
  const { violation, digest, virtualMs } = await runPlan(plan, { canary: args.canary, write: print });
  print(`\nseed ${plan.seed}: ${Math.round(virtualMs)} ms of virtual time, trace ${digest.slice(0, 16)}`);
  if (violation !== undefined) print(`broken: ${violation.rule}\n  ${violation.detail}`);
  print(violation === undefined ? '1 passed, 0 failed' : '0 passed, 1 failed');
  return violation === undefined;
}

async function runSeeds(args: SimArgs): Promise<boolean> {
  const startMs = performance.now();
  let passed = 0;
  let failed = 0;
  const pool = new Pool(args, ({ seed, failure }) => {
    if (failure === undefined) passed++;
    else {
      failed++;
      print(
        `seed ${seed}: ${failure.split('\n')[0]!.slice(0, 400)}\n  pnpm sim --seed ${seed}${optionsOf(seed, args)}`,
      );
    }
  });
  let interrupted = false;
  const onInterrupt = (): void => {
    interrupted = true;
    pool.stop();
  };
  process.once('SIGINT', onInterrupt).once('SIGTERM', onInterrupt);
  const over = args.minutes === undefined ? undefined : setTimeout(() => pool.finish(), args.minutes * 60_000);
  await pool.run();
  clearTimeout(over);
  const seconds = (performance.now() - startMs) / 1000;
  print(`\n${((passed + failed) / seconds).toFixed(0)} seeds a second, ${seconds.toFixed(1)} s`);
  // All of them, for they are begun in their order, and what was begun is brought to its end.
  const next = args.from + passed + failed;
  if (!interrupted) print(`seeds ${args.from} to ${next - 1}; the next is --from ${next}`);
  if (interrupted) print(`interrupted after ${passed + failed} of ${args.count} seeds`);
  print(`${passed} passed, ${failed} failed`);
  return failed === 0 && !interrupted;
}

const args = readArgs(process.argv.slice(2));
if (typeof args === 'string') {
  process.stderr.write(`sim: ${args}\n\n${USAGE}\n`);
  process.exitCode = 2;
} else {
  process.exitCode = (await (args.verbose ? showSeed(args) : runSeeds(args))) ? 0 : 1;
}
