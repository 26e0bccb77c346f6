/**
 * All that a change must pass, in the order in which failures are most telling. `pnpm test` runs every step, even when
 * one fails; `pnpm check lint layers`, or `pnpm test -- --only lint,layers`, runs some. The exit status is 1 when
 * anything failed; the last line counts tests and steps together.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checkAdversary } from './checks/adversary.mjs';
import { checkApi } from './checks/api.mjs';
import { checkBuild, checkFormat, checkLint, checkTypes } from './checks/code.mjs';
import { checkCommits } from './checks/commits.mjs';
import { checkDocs } from './checks/docs.mjs';
import { checkHygiene } from './checks/hygiene.mjs';
import { checkLayers } from './checks/layers.mjs';
import { checkMachine } from './checks/machine.mjs';
import { checkPackages } from './checks/packages.mjs';
import { checkGenerated, checkProtoBreaking, checkProtoFormat, checkProtoLint } from './checks/proto.mjs';
import { checkSimulation } from './checks/sim.mjs';
import { checkSite } from './checks/site.mjs';
import { checkTests } from './checks/tests.mjs';
import { checkUnused } from './checks/unused.mjs';
import { runSteps } from './lib/steps.mjs';
import { ROOT } from './lib/workspace.mjs';

/** @type {readonly import('./lib/steps.mjs').Step[]} */
const STEPS = [
  { name: 'machine', about: 'the programs are there that integration tests speak to', check: checkMachine },
  { name: 'proto-lint', about: 'the protocol files follow the rules of buf', check: checkProtoLint },
  { name: 'proto-format', about: 'the protocol files are laid out by buf', check: checkProtoFormat },
  { name: 'proto-breaking', about: 'released peers can read the messages', check: checkProtoBreaking },
  { name: 'gen', about: 'the generated code is what the protocol files generate', check: checkGenerated },
  { name: 'build', about: 'every package compiles', check: checkBuild },
  // What takes longest comes first, so that none of them runs alone in the end.
  ...[
    { name: 'lint', about: 'eslint has nothing to say', check: checkLint },
    { name: 'types', about: 'tests, benches and tools compile', check: checkTypes },
    { name: 'format', about: 'sources are laid out by prettier', check: checkFormat },
    { name: 'packages', about: 'what users install is complete, and imports', check: checkPackages },
    { name: 'sim', about: 'sessions keep their promises under seeded faults', check: checkSimulation },
    { name: 'site', about: 'the site builds, and needs nothing from elsewhere', check: checkSite },
    { name: 'api', about: 'what the packages offer is what was reviewed', check: checkApi },
    { name: 'layers', about: 'imports go in the direction of the layer table', check: checkLayers },
    { name: 'unused', about: 'nothing is exported, installed or kept for nobody', check: checkUnused },
    { name: 'hygiene', about: 'no file holds anything of one machine', check: checkHygiene },
    { name: 'commits', about: 'messages of commits are what changelogs are made of', check: checkCommits },
  ].map((step) => ({ ...step, together: true })),
  { name: 'docs', about: 'the code in the docs compiles and runs, links lead somewhere', check: checkDocs },
  { name: 'adversary', about: 'attackers of running servers and clients get nowhere', check: checkAdversary },
  { name: 'jest', about: 'the tests', check: checkTests },
];

const args = process.argv.slice(2).filter((arg) => arg !== '--');
const { values, positionals } = parseArgs({
  args,
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true },
    root: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
const wanted = [...positionals, ...(values.only ?? []).flatMap((names) => names.split(','))];
const unknown = wanted.filter((name) => !STEPS.some((step) => step.name === name));

if (values.help === true || unknown.length > 0) {
  const list = STEPS.map(({ name, about }) => `  ${name.padEnd(16)}${about}`).join('\n');
  process.stdout.write(
    `${unknown.map((name) => `No step is called ${name}.\n`).join('')}pnpm check [STEP…]\n\n${list}\n`,
  );
  process.exitCode = unknown.length > 0 ? 2 : 0;
} else {
  const steps = wanted.length === 0 ? STEPS : STEPS.filter(({ name }) => wanted.includes(name));
  process.exitCode = await runSteps(steps, resolve(values.root ?? ROOT), (text) => process.stdout.write(text));
}
