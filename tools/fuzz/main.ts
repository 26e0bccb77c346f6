/**
 * `pnpm fuzz`: feeds every decoder that faces a peer with mutated inputs. Ends with 1 when an input broke a rule, and leaves it
 * in the corpus. `pnpm fuzz --help` says the rest.
 */
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.js';
import { saveInput } from './corpus.js';
import { TARGETS } from './targets/index.js';

const DEFAULT_SECONDS = 60;
/** Corpus files are small, or they would slow every run of the gate. */
const MAX_CORPUS_INPUT_BYTES = 600;
const MAX_GROWTH_FILES = 40;

const HELP = `pnpm fuzz [--seconds N] [--each] [--target NAME] [--seed N] [--grow] | --list | --help

  --seconds N    so long in all (default: ${DEFAULT_SECONDS}), more than 0
  --each         so long for each target
  --target NAME  this one alone
  --seed N       tries the same inputs again, a whole number
  --grow         adds the seeds, and inputs that brought about something new, to the corpus
  --list         names the targets, as JSON
`;

const values = optionsOf();
if (values.help) finish(HELP, 0);
if (values.list) finish(`${JSON.stringify(TARGETS.map(({ name }) => name))}\n`, 0);
const seconds = Number(values.seconds);
const seed = Number(values.seed);
const chosen = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
if (!(seconds > 0)) refuse(`--seconds is ${values.seconds}, and must be more than 0`);
if (!Number.isInteger(seed)) refuse(`--seed is ${values.seed}, and must be a whole number`);
if (chosen.length === 0)
  refuse(`there is no target ${values.target}, only ${TARGETS.map(({ name }) => name).join(', ')}`);
const secondsEach = values.each ? seconds : seconds / chosen.length;

let found = 0;
for (const target of chosen) {
  const result = await runCampaign(target, secondsEach, seed);
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

function optionsOf() {
  try {
    return parseArgs({
      options: {
        seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
        each: { type: 'boolean', default: false },
        target: { type: 'string' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        grow: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function refuse(why: string): never {
  process.stderr.write(`${why}\n\n${HELP}`);
  process.exit(2);
}

function finish(text: string, code: number): never {
  process.stdout.write(text);
  process.exit(code);
}
