import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as kwik from '@kwik/session/quic';
import { runProgram } from './quic-compat/program.js';
import { sessionCases } from './quic-compat/session-cases.js';
import { streamCases } from './quic-compat/stream-cases.js';
import { tlsCases } from './quic-compat/tls-cases.js';
import { issue, type Issued, World } from './quic-compat/world.js';

/** The original is slow: 2 MB/s on an idle machine. */
jest.setTimeout(60_000);

/** The package that KWIK's own driver uses half of; so it is of the version that KWIK stands for. */
const ORIGINAL = new URL('../../quic/node_modules/@matrixai/quic/dist/index.js', import.meta.url);
/** `pnpm compat` runs every case with the original as well: what is expected is what that does. */
const WITH_ORIGINAL = process.env['KWIK_COMPAT'] === 'all';

let credentials: Issued;
let original: typeof kwik;
beforeAll(async () => {
  credentials = await issue();
  // Its shape is what @kwik/session/quic follows; where a case would not fit it, it fails.
  original = (await import(ORIGINAL.href)) as typeof kwik;
});

test('a program for @matrixai/quic prints the same over KWIK (K1, K14)', async () => {
  const expected = await runProgram(original, credentials);
  expect(expected.length).toBeGreaterThan(20);
  expect(await runProgram(kwik, credentials)).toEqual(expected);
});

const groups = { streams: streamCases, sessions: sessionCases, TLS: tlsCases };
const packages = WITH_ORIGINAL
  ? (['@matrixai/quic', '@kwik/session/quic'] as const)
  : (['@kwik/session/quic'] as const);

describe.each(packages)('%s', (name) => {
  describe.each(Object.entries(groups))('%s', (_group, cases) => {
    test.each(cases.map((one) => [one.name, one] as const))('%s', async (_name, { run, expected }) => {
      const world = new World(name === '@matrixai/quic' ? original : kwik, credentials);
      try {
        expect(await run(world)).toEqual(expected);
      } finally {
        await world.end();
      }
    });
  });
});
