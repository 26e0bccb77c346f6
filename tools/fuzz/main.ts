/**
 * `pnpm fuzz [--seconds N] [--target NAME] [--seed N] [--grow]`: feeds every decoder that faces a peer with mutated
 * inputs, for N seconds in all (default: 60). Ends with 1 when an input broke a rule, and leaves it in the corpus.
 * `--grow` adds the seeds, and inputs that brought about something new.
 */
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.js';
import { saveInput } from './corpus.js';
import { TARGETS } from './targets/index.js';

const DEFAULT_SECONDS = 60;
/** Corpus files are small, or they would slow every run of the gate. */
const MAX_CORPUS_INPUT_BYTES = 600;
const MAX_GROWTH_FILES = 40;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
    target: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    grow: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed);
const chosen = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
if (!(seconds > 0) || !Number.isInteger(seed) || chosen.length === 0) {
  const names = TARGETS.map(({ name }) => name).join(', ');
  process.stderr.write(`pnpm fuzz [--seconds N] [--target NAME] [--seed N] [--grow]; targets: ${names}\n`);
  process.exit(2);
}

let found = 0;
for (const target of chosen) {
  const result = await runCampaign(target, seconds / chosen.length, seed);
  const { inputs, outcomes, slowestMs, finding } = result;
  const line = `${inputs} inputs, ${outcomes} outcomes, slowest ${slowestMs.toFixed(1)} ms`;
  process.stdout.write(`${target.name.padEnd(18)} ${line}\n`);
  if (values.grow) {
    const small = ({ length }: Uint8Array): boolean => length <= MAX_CORPUS_INPUT_BYTES;
    for (const input of target.seeds().filter(small)) saveInput(target.name, input, 'seed');
    for (const input of result.news.filter(small).slice(0, MAX_GROWTH_FILES)) saveInput(target.name, input, 'case');
  }
  if (finding === undefined) continue;
  found++;
  process.stdout.write(`BROKEN by ${saveInput(target.name, finding.input, 'found')}\n${finding.why}\n`);
}
process.stdout.write(`seed ${seed}: ${chosen.length - found} targets hold, ${found} broken\n`);
process.exitCode = found === 0 ? 0 : 1;
