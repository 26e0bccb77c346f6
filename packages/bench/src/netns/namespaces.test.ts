import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pause } from '@kwik/testbed';

import { kernelPing, kernelTransfer, prepareMptcp } from './mptcp.js';
import { createNetworkLab, mptcpSupport, networkLabSupport, type NetworkLab } from './namespaces.js';
import type { Support } from './support.js';

const RATE_BITS_PER_SECOND = 10e6;
const CUT_BYTES = 2_000_000;
const DELAY_MS = 10;
const LINK = { both: { rateBitsPerSecond: RATE_BITS_PER_SECOND, delayMs: DELAY_MS } };

const support = await networkLabSupport();
const mptcp = support.ok ? await mptcpSupport() : support;
let lab: NetworkLab | undefined;

/** A test where this machine can do it; elsewhere it counts as skipped, under a name that says why. */
function testWith(needed: Support, name: string, work: (lab: NetworkLab) => Promise<void>): void {
  if (needed.ok) test(name, () => work(lab!));
  // eslint-disable-next-line no-restricted-syntax -- the gate counts it, and a machine without root cannot run it
  else test.skip(`${name} (${needed.reason})`, () => undefined);
}

beforeAll(async () => {
  if (support.ok) lab = await createNetworkLab({ links: [LINK, LINK], seed: 7 });
});
afterAll(() => lab?.dispose());

describe('links between two network namespaces', () => {
  testWith(support, 'have the delay and the rate that was asked for', async (here) => {
    // The others tell how busy the machine is.
    const quickestMs = Math.min(...(await kernelPing(here, { protocol: 'tcp', count: 9 })));
    expect(quickestMs).toBeGreaterThanOrEqual(2 * DELAY_MS);
    // 152 and 40 bytes each way take 0.2 ms at the rate.
    expect(quickestMs).toBeLessThan(2 * DELAY_MS + 5);

    const before = await here.stats();
    const transfer = await kernelTransfer(here, { protocol: 'tcp', bytes: 500_000, link: 1 });
    const after = await here.stats();
    expect(transfer.bytes).toBe(500_000);
    const bps = (transfer.bytes * 8) / transfer.seconds;
    expect(bps).toBeLessThan(RATE_BITS_PER_SECOND);
    expect(bps).toBeGreaterThan(0.25 * RATE_BITS_PER_SECOND);
    // All over link 1, chosen by the client's address; on the other, at most the end of the pings.
    expect(after.links[1]!.down.bytesOut - before.links[1]!.down.bytesOut).toBeGreaterThan(500_000);
    expect(after.links[0]!.down.packetsIn).toBeLessThan(before.links[0]!.down.packetsIn + 5);
  });

  testWith(support, 'are cut and healed', async (here) => {
    // Enough for more than a second, so that the cut falls into it on a busy machine, too.
    const running = kernelTransfer(here, { protocol: 'tcp', bytes: CUT_BYTES, link: 0 });
    await pause(150);
    const cutAtMs = await here.cut(0);
    await pause(200);
    const healedAtMs = await here.heal(0);
    const transfer = await running;
    expect(transfer.bytes).toBe(CUT_BYTES);
    expect(transfer.longestGapMs).toBeGreaterThan(150);
    expect(cutAtMs - transfer.startedAtMs).toBeGreaterThan(0);
    expect(healedAtMs - cutAtMs).toBeGreaterThanOrEqual(190);
    expect((await here.stats()).links[0]!.down.droppedCut).toBeGreaterThan(0);
  });

  testWith(mptcp, 'carry MPTCP, with a subflow each', async (here) => {
    await prepareMptcp(here);
    const before = await here.stats();
    const transfer = await kernelTransfer(here, { protocol: 'mptcp', bytes: 1_000_000 });
    const after = await here.stats();
    expect(transfer.bytes).toBe(1_000_000);
    expect(transfer.subflows).toBe(2);
    for (const link of [0, 1]) {
      const carried = after.links[link]!.down.bytesOut - before.links[link]!.down.bytesOut;
      expect(carried).toBeGreaterThan(150_000);
    }
  });

  testWith(support, 'have Node programs at their ends that talk with their parent', async (here) => {
    const folder = await mkdtemp(join(tmpdir(), 'kwik-netns-'));
    try {
      const program = join(folder, 'child.mjs');
      await writeFile(
        program,
        `import { networkInterfaces } from 'node:os';
        process.on('message', (name) => {
          process.send(networkInterfaces()[name]?.[0]?.address ?? 'none', () => process.disconnect());
        });`,
      );
      const child = here.spawn('server', process.execPath, [program], ['ignore', 'inherit', 'inherit', 'ipc']);
      child.send('link1');
      const [address] = (await once(child, 'message')) as [string];
      expect(address).toBe(here.links[1]!.serverAddress);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  testWith(support, 'leave nothing behind', async (here) => {
    const name = here.clientPrefix.at(-1)!;
    expect(namespaces()).toContain(name);
    await here.dispose();
    expect(namespaces()).not.toContain(name);
    await expect(here.cut(0)).rejects.toThrow('has ended');
  });
});

function namespaces(): string {
  return execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
}
