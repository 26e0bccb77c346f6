import { expect, test } from '@jest/globals';
import { benchLines, type BenchReport } from './bench-view.js';

const REASON =
  'it waits as a spare: the other paths are quicker, and carry all that this server has to send at present';
const PROBLEM = 'cannot connect to 192.0.2.7:4433: the certificate is not signed by an authority that is trusted here';

test('reasons and conclusions are told to their end, however narrow the terminal', () => {
  const path = { id: 1, address: '192.0.2.7:4433', serverId: 'north', state: 'active', unused: REASON };
  const reading = {
    ...{ bytes: 0, durationMs: 10, firstByteMs: 3, wholeFiles: 9 },
    paths: [{ path, bytes: 0, idleRttMs: 1, loadedRttMs: null }],
  };
  const report = { server: 's', path: 'f', together: reading, alone: [{ address: path.address, problem: PROBLEM }] };
  const lines = benchLines(report as unknown as BenchReport, { color: false, live: false, unicode: true }, 80);
  const text = lines.join(' ').replace(/ +/gu, ' ');
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  for (const part of [REASON, PROBLEM, 'more of how a file begins than of how fast it goes on.']) {
    expect(text).toContain(part);
  }
});
