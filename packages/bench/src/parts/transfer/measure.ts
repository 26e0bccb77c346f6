import { type Credentials, makeCredentials } from '../../harness/certificates.js';
import { Children } from '../../harness/children.js';
import type { IoChoice } from '@kwik/quic';
import type { StartForwarder } from '../../forward/forwarder.js';
import type { PartContext } from '../../part.js';
import type { calls } from './child.js';
import type { ContenderName, Settings } from './contender.js';

/** One thing to measure. */
export interface Course {
  readonly contender: ContenderName;
  readonly bytes: number;
  /** The first of them, which are in no rate. Default: none. */
  readonly warmBytes?: number;
  /** Paths of the client. Default: 1. */
  readonly paths?: number;
  /** Servers, a process each. Default: 1. */
  readonly servers?: number;
  /** What the datagrams of the client and its first server go through. Default: nothing. */
  readonly through?: StartForwarder;
  /** Default: the system chooses. */
  readonly client?: Settings['client'];
  readonly followsRoute?: boolean;
  /** How all its processes send and read datagrams. Default: what the environment says. */
  readonly io?: IoChoice;
}

/** One run of it. */
export interface Run {
  readonly mbPerSecond: number;
  readonly clientCpuPerGb: number;
  /** Of all servers together. */
  readonly serverCpuPerGb: number;
  /** Of what the datagrams went through; 0 where that was nothing. */
  readonly forwarderCpuPerGb: number;
  /** Share of the payload of each path; empty where nobody knows. */
  readonly shares: readonly number[];
}

/** RFC 9000's 1200 and some: what fits every common link. */
const DATAGRAM_BYTES = 1350;
const MB = 1e6;
const GB = 1e9;

/**
 * Runs the courses in turn, round by round, so that whatever else the machine does hits all of them alike; every other
 * round backwards, so that none is always the one before.
 */
export async function measureInTurn<Name extends string>(
  courses: Readonly<Record<Name, Course>>,
  context: PartContext,
): Promise<Map<Name, Run[]>> {
  const credentials = await makeCredentials();
  const entries = Object.entries(courses) as [Name, Course][];
  const runs = new Map<Name, Run[]>(entries.map(([name]) => [name, []]));
  for (let round = 0; round < context.rounds; round += 1) {
    for (const [name, course] of round % 2 === 0 ? entries : entries.toReversed()) {
      const run = await measureOnce(course, credentials, context);
      runs.get(name)?.push(run);
      context.log(`round ${round + 1}, ${name}: ${run.mbPerSecond.toFixed(1)} MB/s`);
    }
  }
  return runs;
}

async function measureOnce(course: Course, credentials: Credentials, context: PartContext): Promise<Run> {
  const { contender, bytes, paths = 1, servers: count = 1, through, client: from, followsRoute = false } = course;
  const { warmBytes } = course;
  const settings = { bytes, warmBytes, paths, datagramBytes: DATAGRAM_BYTES, followsRoute, client: from };
  await using children = new Children(context);
  // The classes log every step to stderr, and writing that would count against them.
  const start = (label: string) =>
    children.start<typeof calls>(new URL('./child.js', import.meta.url), {
      label: `${contender}-${label}`,
      quiet: contender === 'classes',
      ...(course.io !== undefined && { env: { KWIK_IO: course.io } }),
    });
  const servers = Array.from({ length: count }, (_, index) => start(`server-${index}`));
  const client = start('client');
  const peers: number[] = [];
  // The primary comes last, for it must know the others.
  for (const server of servers.slice(1)) peers.push((await server.call('serve', { ...task(), peers: [] })).port);
  const { port } = await servers[0]!.call('serve', { ...task(), peers });
  const forwarder = await through?.(port);
  const before = await cpuOf(servers);
  const fetching = client.call('fetch', {
    contender,
    settings,
    port: forwarder?.port ?? port,
    caPem: credentials.caPem,
  });
  const fetched = await fetching.catch(async (error: unknown) => {
    await forwarder?.end();
    throw error;
  });
  const after = await cpuOf(servers);
  const forwarded = await forwarder?.end();
  if (fetched.bytes !== bytes) throw new Error(`${contender}: ${fetched.bytes} bytes arrived of ${bytes}`);
  const perGb = GB / bytes;
  return {
    mbPerSecond: (bytes - (warmBytes ?? 0)) / MB / fetched.seconds,
    clientCpuPerGb: fetched.cpuSeconds * perGb,
    serverCpuPerGb: (after - before) * perGb,
    forwarderCpuPerGb: (forwarded?.cpuSeconds ?? 0) * perGb,
    shares: (fetched.pathBytes ?? []).map((each) => each / bytes),
  };

  function task(): { contender: ContenderName; credentials: Credentials; settings: typeof settings } {
    return { contender, credentials, settings };
  }
}

async function cpuOf(children: readonly { usage(): Promise<{ cpuSeconds: number }> }[]): Promise<number> {
  const usages = await Promise.all(children.map((child) => child.usage()));
  return usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}
