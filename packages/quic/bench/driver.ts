/**
 * Goodput of one stream in one direction on loopback, server and client in a process each, contenders interleaved:
 * this package, a minimal loop over the same native binding, and the classes of `@matrixai/quic`.
 *
 *   npx tsx packages/quic/bench/driver.ts [--rounds 5] [--mb 200] [--datagram 1350] [--cc bbr] [--only driver,minimal]
 *     [--cpu-prof DIR]   (profiles of the children)
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Issued, makeAuthority } from '../src/test-support/certificates.js';
import type { ChildReport, ChildTask } from './child.js';
import type { Settings } from './contenders/contender.js';

const MB = 1_000_000;
/** The classes move some 2 MB/s: fewer bytes tell as much. */
const CLASSES_SHARE = 0.02;

interface Run {
  readonly mbPerSecond: number;
  readonly clientCpuPer100Mb: number;
  readonly serverCpuPer100Mb: number;
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    mb: { type: 'string', default: '200' },
    datagram: { type: 'string', default: '1350' },
    cc: { type: 'string', default: 'bbr' },
    'cpu-prof': { type: 'string' },
    only: { type: 'string', default: 'driver,minimal,classes' },
  },
});

const profiling = values['cpu-prof'] === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values['cpu-prof']}`];
const contenders = values.only.split(',') as ChildTask['contender'][];
const authority = await makeAuthority();
const issued = await authority.issue();
const runs = new Map<string, Run[]>(contenders.map((name) => [name, []]));

for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const contender of contenders) {
    const run = await measure(contender, issued);
    runs.get(contender)?.push(run);
    console.log(
      `round ${round + 1}  ${contender.padEnd(8)} ${run.mbPerSecond.toFixed(1).padStart(7)} MB/s   CPU s per 100 MB: ` +
        `client ${run.clientCpuPer100Mb.toFixed(2)}, server ${run.serverCpuPer100Mb.toFixed(2)}`,
    );
  }
}
summarize();

async function measure(contender: ChildTask['contender'], certificate: Issued): Promise<Run> {
  const megabytes = Number(values.mb) * (contender === 'classes' ? CLASSES_SHARE : 1);
  const settings: Settings = {
    bytes: Math.round(megabytes * MB),
    datagramBytes: Number(values.datagram),
    congestionControl: values.cc as Settings['congestionControl'],
  };
  const server = spawn(contender);
  const client = spawn(contender);
  server.send({ contender, settings, serve: { issued: certificate } } satisfies ChildTask);
  const listening = await next(server, 'listening');
  client.send({ contender, settings, fetch: { port: listening.port, caPem: authority.certPem } } satisfies ChildTask);
  const fetched = await next(client, 'fetched');
  if (fetched.result.bytes !== settings.bytes) throw new Error(`${contender}: ${fetched.result.bytes} bytes arrived`);
  server.send('stop');
  const used = await next(server, 'cpu');
  client.send('stop');
  const per100Mb = 100 / megabytes;
  return {
    mbPerSecond: megabytes / fetched.result.seconds,
    clientCpuPer100Mb: fetched.cpuSeconds * per100Mb,
    serverCpuPer100Mb: used.cpuSeconds * per100Mb,
  };
}

function spawn(contender: ChildTask['contender']): ChildProcess {
  // The classes log every step to stderr, and writing that would count against them.
  const stderr = contender === 'classes' ? 'ignore' : 'inherit';
  return fork(fileURLToPath(new URL('./child.ts', import.meta.url)), {
    stdio: ['ignore', 'inherit', stderr, 'ipc'],
    execArgv: [...process.execArgv, ...profiling],
  });
}

function next<K extends ChildReport['kind']>(child: ChildProcess, kind: K): Promise<Extract<ChildReport, { kind: K }>> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`a child ended with ${code}`)));
    child.on('message', (report: ChildReport) => {
      if (report.kind === kind) resolve(report as Extract<ChildReport, { kind: K }>);
    });
  });
}

function summarize(): void {
  const medians = new Map([...runs].map(([name, list]) => [name, median(list.map((run) => run.mbPerSecond))]));
  console.log('');
  for (const [name, value] of medians) console.log(`median  ${name.padEnd(8)} ${value.toFixed(1).padStart(7)} MB/s`);
  const own = medians.get('driver');
  const least = medians.get('minimal');
  if (own === undefined || least === undefined) return;
  const ratios = (runs.get('driver') ?? []).map(
    (run, i) => run.mbPerSecond / (runs.get('minimal')?.[i]?.mbPerSecond ?? NaN),
  );
  console.log(
    `driver / minimal: ${(own / least).toFixed(3)} of medians, ${median(ratios).toFixed(3)} median of ratios`,
  );
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
