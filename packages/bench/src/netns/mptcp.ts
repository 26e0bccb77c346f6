import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import type { NetworkLab } from './namespaces.js';

const run = promisify(execFile);
/** Of the kernel: `ip mptcp limits` takes no more. */
const MAX_SUBFLOWS = 8;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const DEFAULT_SECONDS = 600;

export interface KernelTransferOptions {
  readonly protocol: 'mptcp' | 'tcp';
  /** What the server sends. */
  readonly bytes: number;
  /** The client stops after this time, dial included; without, when it has all. */
  readonly seconds?: number;
  /** The link of TCP, and of MPTCP's first subflow. Default 0. */
  readonly link?: number;
  /** The sender's: 'cubic', 'bbr', 'reno', as the kernel has; without, as the machine is set. */
  readonly congestionControl?: string;
}

/** A transfer as its reader saw it. */
export interface KernelTransfer {
  /** From just before the dial to the last byte, or to the end of the time. */
  readonly seconds: number;
  /** Each was checked. */
  readonly bytes: number;
  /** Milliseconds since the dial, bytes until then; one every 5 ms at most. */
  readonly samples: readonly (readonly [atMs: number, bytes: number])[];
  /** Longest time without a byte after the first, and when it began, since the dial. */
  readonly longestGapMs: number;
  readonly longestGapAtMs: number;
  /** When it dialled, as `process.hrtime` counts, milliseconds. */
  readonly startedAtMs: number;
  /** Most at a time, the first included; 0 for TCP, also where MPTCP fell back to it. */
  readonly subflows: number;
}

/**
 * Lets MPTCP use each link with a subflow of its own: one from each of the client's addresses to the server address that
 * was dialled. Once per lab, before the first `kernelTransfer` by MPTCP.
 */
export async function prepareMptcp(lab: NetworkLab): Promise<void> {
  const limits = ['mptcp', 'limits', 'set', 'subflows', `${MAX_SUBFLOWS}`, 'add_addr_accepted', `${MAX_SUBFLOWS}`];
  await inNamespace(lab.clientPrefix, ['ip', ...limits]);
  await inNamespace(lab.serverPrefix, ['ip', ...limits]);
  for (const [index, { clientAddress }] of lab.links.entries()) {
    const endpoint = ['mptcp', 'endpoint', 'add', clientAddress, 'dev', `link${index}`, 'subflow'];
    await inNamespace(lab.clientPrefix, ['ip', ...endpoint]);
  }
}

/**
 * The server sends, the client reads and checks: Linux's own MPTCP or TCP over the lab's links.
 * @throws Error when bytes were wrong, or the connection failed.
 */
export async function kernelTransfer(lab: NetworkLab, options: KernelTransferOptions): Promise<KernelTransfer> {
  const { bytes, seconds = DEFAULT_SECONDS } = options;
  const output = await withServer(lab, options, (local, address, port) =>
    inNamespace(lab.clientPrefix, [
      ...[lab.tools.mptcp, 'client', options.protocol],
      ...[local, address, `${port}`, `${bytes}`, `${seconds}`],
    ]),
  );
  return JSON.parse(output) as KernelTransfer;
}

/** Round trips of 100 bytes, one after the other, milliseconds. */
export async function kernelPing(
  lab: NetworkLab,
  options: Pick<KernelTransferOptions, 'protocol' | 'link' | 'congestionControl'> & {
    readonly count: number;
    /** Between the starts of two; default 0. */
    readonly intervalMs?: number;
  },
): Promise<number[]> {
  const output = await withServer(lab, options, (local, address, port) =>
    inNamespace(lab.clientPrefix, [
      ...[lab.tools.mptcp, 'ping', options.protocol],
      ...[local, address, `${port}`, `${options.count}`, `${options.intervalMs ?? 0}`],
    ]),
  );
  return (JSON.parse(output) as { roundTripsMs: number[] }).roundTripsMs;
}

async function withServer(
  lab: NetworkLab,
  { protocol, link = 0, congestionControl }: Pick<KernelTransferOptions, 'protocol' | 'link' | 'congestionControl'>,
  use: (local: string, address: string, port: number) => Promise<string>,
): Promise<string> {
  const addresses = lab.links[link];
  if (addresses === undefined) throw new Error(`there is no link ${link}`);
  const args = ['server', protocol, '0.0.0.0', ...(congestionControl === undefined ? [] : [congestionControl])];
  const server = lab.spawn('server', lab.tools.mptcp, args, ['ignore', 'pipe', 'inherit']);
  const ended = once(server, 'exit');
  try {
    const lines = createInterface({ input: server.stdout! });
    const [line] = (await Promise.race([once(lines, 'line'), ended.then(() => ['{}'])])) as [string];
    const { port } = JSON.parse(line) as { port?: number };
    if (port === undefined) throw new Error(`the ${protocol} server did not start`);
    return await use(addresses.clientAddress, addresses.serverAddress, port);
  } finally {
    server.kill();
    await ended;
  }
}

async function inNamespace(prefix: readonly string[], command: readonly string[]): Promise<string> {
  const [program, ...args] = [...prefix, ...command];
  return (await run(program!, args, { maxBuffer: MAX_OUTPUT_BYTES })).stdout;
}
