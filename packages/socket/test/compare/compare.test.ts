import nodeNet from 'node:net';
import { describe, expect, test } from '@jest/globals';
import kwikNet from '@kwik/socket';
import { argumentCases } from './cases/arguments.js';
import { connectCases } from './cases/connect.js';
import { endCases } from './cases/ends.js';
import { newerCases } from './cases/newer.js';
import { serverCases } from './cases/server.js';
import { transferCases } from './cases/transfer.js';
import { type Case, type Net, Trial } from './trial.js';

async function notesOf(net: Net, { run }: Case): Promise<Readonly<Record<string, unknown[]>>> {
  const trial = new Trial(net);
  try {
    await run(trial);
  } catch (error) {
    trial.note('failed', String(error));
  }
  return trial.finish();
}

/** The types of node:net name its own classes. */
const overKwik = kwikNet as unknown as Net;

describe.each([
  ['arguments', argumentCases],
  ['connect', connectCases],
  ['transfer', transferCases],
  ['ends', endCases],
  ['server', serverCases],
  ...(newerCases.length === 0 ? [] : [['what newer Nodes have', newerCases] as const]),
])('%s', (_area, cases) => {
  test.each(cases.map((each) => [each.name, each] as const))('%s', async (_name, each) => {
    const expected = await notesOf(nodeNet, each);
    expect(expected).not.toHaveProperty('failed');
    expect(await notesOf(overKwik, each)).toEqual(expected);
  });
});
