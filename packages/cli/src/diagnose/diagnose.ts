import { KwikError } from '@kwik/wire';
import type { ClientTrust } from '@kwik/session';
import { formatHostPort, parseHostPort, parseServer } from '../address.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { readTrust, type TrustFiles } from '../trust-files.js';
import { styleFor } from '../ui/style.js';
import { jsonLine, oneLine } from '../ui/text.js';
import { rounded } from '../ui/units.js';
import { examine, type ExamineOptions } from './examine.js';
import { findingsOf, type Finding } from './findings.js';
import type { PathReport, ServerReport } from './reports.js';
import { reportLines, summaryLines } from './report-view.js';
import { askOverTcp, type TcpVerdict } from './udp-verdict.js';

/** As the command line gives them. */
export interface DiagnoseOptions extends TrustFiles {
  readonly relay: readonly string[];
  readonly count: number;
  /** Seconds. */
  readonly interval: number;
  readonly timeout: number;
  readonly json: boolean;
}

/** More at once would measure one another. */
const MAX_SERVERS_AT_ONCE = 8;

/** `kwik ping`: 0 when everything answered, 1 when something did not, 4 when nothing did. */
export function runPing(servers: readonly string[], options: DiagnoseOptions, io: CliIo): Promise<ExitCode> {
  return interruptible(io, async (signal) => {
    const reports = await examineAll(servers, options, io, {
      signal,
      onAnswer: (path, round, rttMs) => {
        if (options.json) return;
        const where = `path ${path.id} to ${path.address}${path.via === undefined ? '' : ` via ${path.via}`}`;
        const answer = rttMs === undefined ? 'no answer' : `${rttMs.toFixed(2)} ms`;
        io.stdout.print(`${oneLine(`${where}: round ${round}: ${answer}`)}\n`);
      },
    });
    if (options.json) io.stdout.print(`${jsonLine({ servers: reports.map(shortened) })}\n`);
    else io.stdout.print(`\n${summaryLines(reports).join('\n')}\n`);
    const paths = reports.flatMap((report) => report.paths);
    if (!paths.some(({ rounds }) => rounds.answered > 0)) return EXIT.connection;
    const whole = paths.every(({ rounds }) => rounds.answered > 0 && rounds.answered === rounds.asked);
    return whole && reports.every(({ problem, refused }) => problem === null && refused.length === 0)
      ? EXIT.ok
      : EXIT.failed;
  });
}

/** `kwik doctor`: 0 when nothing is wrong, 1 when something is, 4 when the first server cannot be reached. */
export function runDoctor(servers: readonly string[], options: DiagnoseOptions, io: CliIo): Promise<ExitCode> {
  return interruptible(io, async (signal) => {
    const reports = await examineAll(servers, options, io, { signal, findsSizes: true });
    const tcp = await tcpVerdicts(reports, signal);
    const findings = findingsOf(reports, tcp, Date.now());
    print(reports, findings, options, io);
    if (reports[0]?.problem !== null) return EXIT.connection;
    return findings.some(({ severity }) => severity === 'problem') ? EXIT.failed : EXIT.ok;
  });
}

function print(reports: readonly ServerReport[], findings: readonly Finding[], { json }: DiagnoseOptions, io: CliIo) {
  if (json) {
    io.stdout.print(`${jsonLine({ servers: reports.map(shortened), findings })}\n`);
    return;
  }
  const style = styleFor(io.stdout, io.env);
  io.stdout.print(`${reportLines(reports, findings, style, io.stdout.columns()).join('\n')}\n`);
}

async function examineAll(
  servers: readonly string[],
  options: DiagnoseOptions,
  io: CliIo,
  own: Pick<ExamineOptions, 'signal' | 'onAnswer' | 'findsSizes'>,
): Promise<ServerReport[]> {
  const trust: ClientTrust | undefined = await readTrust(options);
  const examining: ExamineOptions = {
    ...own,
    ...(trust !== undefined && { trust }),
    relays: options.relay.map((relay) => formatHostPort(parseHostPort(relay))),
    rounds: options.count,
    intervalMs: options.interval * 1000,
    timeoutMs: options.timeout * 1000,
  };
  const addresses = [...new Set(servers.map((server) => formatHostPort(parseServer(server))))];
  const reports: ServerReport[] = [];
  while (reports.length < addresses.length) {
    const next = addresses.slice(reports.length, reports.length + MAX_SERVERS_AT_ONCE);
    reports.push(...(await Promise.all(next.map((address) => examine(address, examining, io)))));
  }
  return reports;
}

async function tcpVerdicts(reports: readonly ServerReport[], signal: AbortSignal): Promise<Map<string, TcpVerdict>> {
  const silent = reports.filter(({ udp }) => udp === 'silent');
  const asked = silent.map(async ({ address }) => [address, await askOverTcp(address, signal)] as const);
  return new Map(await Promise.all(asked));
}

async function interruptible(io: CliIo, work: (signal: AbortSignal) => Promise<ExitCode>): Promise<ExitCode> {
  const stopped = new AbortController();
  const release = io.onInterrupt(() => stopped.abort(new KwikError('ERR_KWIK_ABORTED', 'interrupted')));
  try {
    return await work(stopped.signal);
  } finally {
    release();
  }
}

/** Fifteen digits only hurt the reader. */
function shortened(report: ServerReport): ServerReport {
  const { connectMs, paths } = report;
  return { ...report, connectMs: brief(connectMs), paths: paths.map(shortPath) };
}

function shortPath(path: PathReport): PathReport {
  const { minMs, avgMs, maxMs, ...rounds } = path.rounds;
  return {
    ...path,
    clockAheadMs: path.clockAheadMs === null ? null : rounded(path.clockAheadMs, 0),
    rounds: { ...rounds, minMs: brief(minMs), avgMs: brief(avgMs), maxMs: brief(maxMs) },
  };
}

function brief(ms: number | null): number | null {
  return ms === null ? null : rounded(ms, 3);
}
