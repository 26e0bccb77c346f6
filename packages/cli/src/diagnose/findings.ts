import { formatPercent } from '../ui/units.js';
import type { PathReport, ServerReport } from './reports.js';
import { explainUdp, type TcpVerdict } from './udp-verdict.js';

/** `problem`: something does not work; `note`: it works, and could be better. */
export interface Finding {
  readonly severity: 'problem' | 'note';
  /** In words: what, why, and what to do where that is known. */
  readonly text: string;
}

/** Fewer packets say nothing of loss. */
const LEAST_PACKETS = 50;
const MUCH_LOSS = 0.01;
/** Tokens of paths bear a minute. */
const CLOCK_PROBLEM_MS = 60_000;
const CLOCK_NOTE_MS = 1_000;
const DAY_MS = 24 * 3600 * 1000;
/** Long enough to renew it on a working day. */
const CERTIFICATE_NOTE_DAYS = 14;
const CERTIFICATE_PROBLEM_DAYS = 2;
/** What every path carries; one that carries no more has something in its way. */
const LEAST_DATAGRAM_BYTES = 1_200;

/** What is wrong with what was found, the worst first. `tcp` by the addresses that were silent. */
export function findingsOf(
  servers: readonly ServerReport[],
  tcp: ReadonlyMap<string, TcpVerdict>,
  wallClockMs: number,
): Finding[] {
  const othersAnswer = servers.some(({ udp }) => udp === 'open');
  const findings = servers.flatMap((server) => ofServer(server, tcp.get(server.address), othersAnswer));
  findings.push(
    ...ofCertificates(
      servers.flatMap(({ paths }) => paths),
      wallClockMs,
    ),
  );
  const carrying = servers.flatMap(({ paths }) => paths).filter(({ verdict }) => verdict !== 'down');
  const names = new Set(carrying.map(({ address, server }) => (server === '' ? address : server)));
  if (carrying.length > 0 && names.size === 1) {
    findings.push(note('a single server answers: when it is lost, nothing else carries the session'));
  }
  return [...findings.filter(isProblem), ...findings.filter((finding) => !isProblem(finding))];
}

function ofServer(server: ServerReport, tcp: TcpVerdict | undefined, othersAnswer: boolean): Finding[] {
  const { address, problem: failure, udp, paths, refused } = server;
  const findings: Finding[] = [];
  if (failure !== null) {
    const about = explainUdp(udp, tcp, othersAnswer);
    findings.push(problem(about === '' ? failure.message : `${failure.message}; ${about}`));
  }
  for (const path of paths) findings.push(...ofPath(path));
  for (const { address: other, reason } of refused) {
    if (paths.some((path) => path.address === other)) continue;
    findings.push(problem(`the session with ${address} does not use ${other}: ${reason}`));
  }
  return findings;
}

function ofPath(path: PathReport): Finding[] {
  const { rounds, verdict, reason, sentPackets, lostPackets } = path;
  const name = `path ${path.id} to ${path.address}${path.via === null ? '' : ` by way of ${path.via}`}`;
  if (verdict === 'down') return [problem(`${name} carries nothing: ${reason}`)];
  const findings: Finding[] = [];
  if (verdict === 'degraded') findings.push(note(`${name} is used, but is not well: ${reason}`));
  const missing = rounds.asked - rounds.answered;
  if (missing > 0) findings.push(problem(`${name} left ${missing} of ${rounds.asked} questions unanswered`));
  if (sentPackets >= LEAST_PACKETS && lostPackets / sentPackets >= MUCH_LOSS) {
    findings.push(note(`${name} loses ${formatPercent(lostPackets / sentPackets)} of its packets`));
  }
  if (path.datagramBytes !== null && path.datagramBytes <= LEAST_DATAGRAM_BYTES && rounds.answered > 0) {
    findings.push(
      note(
        `${name} carries no larger datagrams than ${LEAST_DATAGRAM_BYTES} bytes: a tunnel, or something on the way that swallows larger ones`,
      ),
    );
  }
  findings.push(...ofClock(path, name));
  return findings;
}

/** Several paths may lead to one server: each certificate is named once. */
function ofCertificates(paths: readonly PathReport[], wallClockMs: number): Finding[] {
  const seen = new Set<string>();
  return paths.flatMap(({ address, server, certificateUntil }) => {
    if (certificateUntil === null || seen.has(`${server} ${address} ${certificateUntil}`)) return [];
    seen.add(`${server} ${address} ${certificateUntil}`);
    const days = (Date.parse(certificateUntil) - wallClockMs) / DAY_MS;
    if (days > CERTIFICATE_NOTE_DAYS) return [];
    const when = certificateUntil.slice(0, 16).replace('T', ' ');
    const runs = days < 0 ? 'has run out on' : 'runs out on';
    const text = `the certificate of ${server === '' ? address : `${server} (${address})`} ${runs} ${when} UTC; renew it`;
    return [days <= CERTIFICATE_PROBLEM_DAYS ? problem(text) : note(text)];
  });
}

function ofClock({ clockAheadMs, rounds }: PathReport, name: string): Finding[] {
  if (clockAheadMs === null) return [];
  // It is known to within half of a round trip.
  const off = Math.abs(clockAheadMs) - (rounds.minMs ?? 0) / 2;
  if (off < CLOCK_NOTE_MS) return [];
  const text = `the clock at the end of ${name} is ${(off / 1000).toFixed(1)} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this one's`;
  return [
    off < CLOCK_PROBLEM_MS
      ? note(`${text}; set both by NTP`)
      : problem(
          `${text}: tokens of paths, and certificates, may be taken for expired, or not yet valid; set both by NTP`,
        ),
  ];
}

function problem(text: string): Finding {
  return { severity: 'problem', text };
}

function note(text: string): Finding {
  return { severity: 'note', text };
}

function isProblem({ severity }: Finding): boolean {
  return severity === 'problem';
}
