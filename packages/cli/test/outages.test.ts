import { stat } from 'node:fs/promises';
import { pause } from '@kwik/testbed';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { grownTo, Harness, sha256Of, withResult } from './harness.js';

jest.setTimeout(180_000);

const MB = 1_000_000;

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
});

describe('a link that falls silent', () => {
  test('for 20 s, with 120 s allowed: the download goes on from where it was, to its end', async () => {
    const sha256 = await harness.makeFile('a/film.bin', 20 * MB);
    const link = await harness.linkTo(await harness.serve('a'));
    const get = harness.start(['get', '--json', '-t', '120', `kwik://${link.address()}/film.bin`, '-o', 'out.bin']);
    await grownTo(harness.path('out.bin.kwik-part'), 5 * MB, get);
    link.cut();
    // The outage itself is what is tested.
    await pause(20_000);
    const { size } = await stat(harness.path('out.bin.kwik-part'));
    link.heal();
    const { status, stderr, result } = withResult(await get.ended);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(/^kwik: [^\n]*; connecting again for up to \d+ s\n$/u),
    });
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
    // Nothing was fetched twice, and no figure has suffered.
    expect(result).toMatchObject({ sha256, bytes: 20 * MB, size: 20 * MB, resumedFrom: 0 });
    expect(result.bytes - size).toBeGreaterThan(10 * MB);
    expect(result.maxGapMs).toBeGreaterThanOrEqual(19_000);
    expect(result.paths).toHaveLength(1);
    const [path] = result.paths;
    expect(path).toMatchObject({ server: link.address(), share: 1, state: 'active' });
    expect(path!.bytes).toBeGreaterThan(19 * MB);
    expect(path!.bytes).toBeLessThan(24 * MB);
  });

  test('for longer than is allowed: 4, soon after that time, and the part stays', async () => {
    await harness.makeFile('a/film.bin', 20 * MB);
    const link = await harness.linkTo(await harness.serve('a'));
    const get = harness.start(['get', '--json', '-t', '8', `kwik://${link.address()}/film.bin`, '-o', 'out.bin']);
    await grownTo(harness.path('out.bin.kwik-part'), 5 * MB, get);
    link.cut();
    const cutMs = performance.now();
    const { status, stderr, result } = withResult(await get.ended);
    const tookMs = performance.now() - cutMs;
    expect({ status, stderr }).toEqual({
      status: 4,
      stderr: expect.stringMatching(/MB are kept; run the same command again to resume\n$/u),
    });
    expect(result.error?.code).toMatch(/^ERR_KWIK_/u);
    expect(tookMs).toBeGreaterThan(7500);
    // Nothing came for 8 s, as it is counted, from when the loss was noticed; then the command ends.
    expect(tookMs).toBeLessThan(18_000);
  });
});
