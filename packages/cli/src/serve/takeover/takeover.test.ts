import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { listen, type Listener } from '@kwik/session';
import { until } from '@kwik/testbed';
import { Takeover } from './takeover.js';

let folder: string;
let listeners: Listener[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kwik-takeover-'));
  listeners = [];
});
afterEach(async () => {
  for (const listener of listeners) await listener.close({ force: true });
  await rm(folder, { recursive: true });
});

async function server(fill: number): Promise<string> {
  const listener = await listen({ takeover: { fleetKeys: [new Uint8Array(32).fill(fill)] } });
  listeners.push(listener);
  return `127.0.0.1:${listener.address().port}`;
}

test('the first server that answers and has the key is the standby, and who serves clients hears of it at once', async () => {
  const [stranger, able] = [await server(1), await server(2)];
  const key = join(folder, 'fleet.key');
  await writeFile(key, new Uint8Array(32).fill(2), { mode: 0o600 });
  const told: string[] = [];
  const flags = { fleetKey: [key], standby: [stranger, able], standbyFrom: [] };
  const takeover = await Takeover.open(flags, {
    io: { env: {}, now: () => performance.now() },
    hasFiles: false,
    log: {
      standby: ({ server: chosen }) => told.push(`standby ${chosen?.address}`),
      standbyUnable: (address) => told.push(`unable ${address}`),
    },
  });
  takeover.begin([], () => told.push('changed'));
  takeover.look();
  await until(() => told.length === 3);
  expect(told).toEqual([`unable ${stranger}`, `standby ${able}`, 'changed']);
  const { standby } = takeover.options.takeover!;
  expect(typeof standby === 'function' && (await standby())).toEqual({ address: able });
  takeover[Symbol.dispose]();
});
