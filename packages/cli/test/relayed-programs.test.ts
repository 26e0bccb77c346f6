import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { pause, RelayGate, until } from '@kwik/testbed';
import {
  findProgram,
  missingPrograms,
  NGINX,
  POSTGRES,
  type RealServer,
  REDIS,
  SSHD,
  startRealServer,
} from '@kwik/testbed/programs';
import { parseHostPort } from '../src/address.js';
import { pgbench, preparePgbench, redisBenchmark } from './benchmark-loads.js';
import { Harness, type Running } from './harness.js';
import { counting, downloading, echoing, inserting, type Load } from './steady-loads.js';

/** `KWIK_VOLUME=whole pnpm jest relayed-programs --selectProjects cli`; the gate has the same in small. */
const WHOLE = process.env['KWIK_VOLUME'] === 'whole';
const MB = 1_000_000;
const FILE = WHOLE ? { bytes: 1000 * MB, bytesPerSecond: 20 * MB } : { bytes: 6 * MB, bytesPerSecond: MB };
/** How often each relay dies and comes back. */
const ROUNDS = WHOLE ? 5 : 1;
/** Benchmarks of others run so long. */
const BENCH_SECONDS = WHOLE ? 60 : 4;
/** Answers that each program has between one death and the next. */
const ANSWERS = WHOLE ? 500 : 20;
const PATIENCE_MS = 60_000;
const BACK_MS = 10_000;

jest.setTimeout(WHOLE ? 900_000 : 120_000);

let harness: Harness;
const servers: RealServer[] = [];
const gates: RelayGate[] = [];

beforeEach(async () => {
  harness = await Harness.create();
});

afterEach(async () => {
  await harness.close();
  for (const gate of gates.splice(0)) gate.close();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

interface Relay {
  readonly address: string;
  readonly process: Running;
}

async function relay(listen = '127.0.0.1:0'): Promise<Relay> {
  const args = ['--anchor', '127.0.0.1', '--for-clients', '--json'];
  const process = harness.start(['relay', '--listen', listen, ...args]);
  const [, address = ''] = await process.printed(/"address":"([^"]+)"/u);
  return { address, process };
}

/** Two relays, by way of which alone a server is reached that leads to these ports; their ports here. */
async function tunnel(targets: readonly number[]): Promise<{ relays: Relay[]; ports: string[] }> {
  const allow = targets.flatMap((port) => ['--forward-allow', `127.0.0.1:${port}`]);
  const serve = harness.start(['serve', '--listen', '127.0.0.1:0', '--json', ...allow]);
  const [[, address = ''], ...relays] = await Promise.all([serve.printed(/"address":"([^"]+)"/u), relay(), relay()]);
  const gate = await RelayGate.open(
    parseHostPort(address).port,
    relays.map((each) => parseHostPort(each.address).port),
  );
  gates.push(gate);
  const by = relays.flatMap((each) => ['--relay', each.address]);
  const local = targets.flatMap((port) => ['-L', `0:127.0.0.1:${port}`]);
  const process = harness.start(['tunnel', `127.0.0.1:${gate.port}`, ...by, ...local]);
  const ports: string[] = [];
  for (const target of targets) {
    const [, port = ''] = await process.printed(new RegExp(`listening on 127\\.0\\.0\\.1:(\\d+) for \\S+:${target}\n`));
    ports.push(port);
  }
  return { relays, ports };
}

/** Each has answered so often from now on. */
async function goneOn(loads: readonly Load[]): Promise<void> {
  const before = loads.map((load) => load.progress());
  await until(() => loads.every((load, index) => load.progress() >= before[index]! + ANSWERS), PATIENCE_MS);
}

function queried(port: number, sql: string): string {
  const args = ['-h', '127.0.0.1', '-p', `${port}`, '-U', 'kwik', '-tAXc', sql, 'postgres'];
  return execFileSync(findProgram('psql')!, args, { encoding: 'utf8' }).trim();
}

const plans = [POSTGRES, REDIS, NGINX, SSHD];
const missing = [
  ...plans.flatMap(missingPrograms),
  ...['psql', 'curl', 'pgbench', 'redis-benchmark'].filter((each) => !findProgram(each)),
];
// eslint-disable-next-line no-restricted-syntax -- a machine without these programs cannot run it
const withPrograms = missing.length === 0 ? test : test.skip;

describe('a server that relays alone lead to', () => {
  withPrograms(
    'is worked with by psql, Redis, curl and ssh as if nothing were, while each relay in turn dies and comes back',
    async () => {
      const [postgres, redis, nginx, sshd] = await Promise.all(plans.map(startRealServer));
      servers.push(postgres!, redis!, nginx!, sshd!);
      const sha256 = await harness.makeFile('file', FILE.bytes);
      execFileSync('cp', [harness.path('file'), `${nginx!.folder}/www/file`]);
      const { relays, ports } = await tunnel(servers.map(({ port }) => port));
      const loads = [inserting(ports[0]!), counting(ports[1]!), echoing(ports[3]!, sshd!.folder)];
      const curl = downloading(`http://127.0.0.1:${ports[2]}/file`, FILE.bytesPerSecond, sha256);
      await goneOn(loads);
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const [index, { address, process }] of [...relays].entries()) {
          tell(`relay ${index} is there`, [...loads, curl]);
          process.kill('SIGKILL');
          await process.ended;
          await goneOn(loads);
          tell(`relay ${index} was killed`, [...loads, curl]);
          relays[index] = await relay(address);
          // The figures are for both cases: the tunnel has found its way back to this one when the other dies, or not yet.
          if (WHOLE && round % 2 === 0) await pause(BACK_MS);
        }
      }
      await goneOn(loads);
      tell('both were killed in turn, and came back', [...loads, curl]);
      const drained = relays[0]!.process;
      drained.kill('SIGTERM');
      const { status, stdout } = await drained.ended;
      expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/"forwardedBytes":[1-9]/u) });
      await goneOn(loads);
      tell('one was drained', [...loads, curl]);
      await Promise.all([...loads, curl].map((load) => load.finish()));
      const count = loads[0]!.progress();
      expect(queried(postgres!.port, 'SELECT count(*), sum(n) FROM seen')).toBe(
        `${count}|${(count * (count + 1)) / 2}`,
      );
    },
  );

  withPrograms('loses no request of pgbench and redis-benchmark, though one of two relays is killed', async () => {
    const [postgres, redis] = await Promise.all([POSTGRES, REDIS].map(startRealServer));
    servers.push(postgres!, redis!);
    preparePgbench(postgres!.port);
    const { relays, ports } = await tunnel(servers.map(({ port }) => port));
    const benchmarks = [pgbench(ports[0]!, BENCH_SECONDS), redisBenchmark(ports[1]!)];
    await Promise.all(benchmarks.map(({ working }) => working));
    const [first] = relays;
    first!.process.kill('SIGKILL');
    await first!.process.ended;
    if (WHOLE) await pause(BACK_MS);
    await relay(first!.address);
    const transactions = await benchmarks[0]!.finish();
    const requests = await benchmarks[1]!.finish();
    expect(Number(queried(postgres!.port, 'SELECT count(*) FROM pgbench_history'))).toBe(transactions);
    expect(requests).toBeGreaterThan(0);
    if (WHOLE) process.stderr.write(`pgbench: ${transactions} transactions; redis-benchmark: ${requests}\n`);
  });
});

/** For whoever runs the whole volume: the longest wait of each program since the line before. */
function tell(what: string, loads: readonly Load[]): void {
  const gaps = loads.map((load) => `${load.name} ${load.longestGapMs().toFixed(0)} ms (${load.progress()})`);
  if (WHOLE) process.stderr.write(`${what}: ${gaps.join(', ')}\n`);
}
