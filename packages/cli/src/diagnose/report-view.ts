import { paint, type Paint, type Style } from '../ui/style.js';
import { cutTo, fit, oneLine, wrapped } from '../ui/text.js';
import { count, formatPercent } from '../ui/units.js';
import type { Finding } from './findings.js';
import type { PathReport, Rounds, ServerReport, UdpVerdict } from './reports.js';

const UDP_WORDS: Readonly<Record<UdpVerdict, string>> = {
  open: 'gets through',
  refused: 'gets there, and nothing listens',
  silent: 'nothing comes back',
  unknown: 'was not tried',
};

const COLOR_OF: Readonly<Record<PathReport['verdict'], Paint>> = {
  carries: 'green',
  standby: 'dim',
  degraded: 'yellow',
  down: 'red',
};

/** Widths of the columns of a path: number, verdict, round trip, answers, packets lost, bytes of a datagram, clock. */
const COLUMNS = [10, 8, 21, 9, 10, 8, 6];
const HEADINGS = ['', '', 'rtt min / avg / max', 'answers', 'lost', 'datagram', 'clock'];

const INDENT = ' '.repeat(13);

/** Everything that was found about the servers, and then what is wrong. What peers say is made harmless. */
export function reportLines(
  servers: readonly ServerReport[],
  findings: readonly Finding[],
  style: Style,
  width: number,
): string[] {
  const lines = findingLines(findings, servers, style, width);
  return [...servers.flatMap((server) => serverLines(server, style, width)), ...lines];
}

function serverLines(server: ServerReport, style: Style, width: number): string[] {
  const { address, udp, connectMs, paths } = server;
  const opened = connectMs === null ? 'no session' : `session open after ${connectMs.toFixed(0)} ms`;
  const head = `${address}: UDP ${UDP_WORDS[udp]}, ${opened}`;
  const lines = [paint(style, oneLine(head), connectMs === null ? 'red' : 'bold')];
  if (paths.length > 0) lines.push(paint(style, cutTo(columns(HEADINGS), width), 'dim'));
  for (const path of paths) lines.push(...pathLines(path, style, width));
  return [...lines, ''];
}

function pathLines(path: PathReport, style: Style, width: number): string[] {
  const { id, verdict, reason, rounds, sentPackets, lostPackets, datagramBytes, clockAheadMs } = path;
  const figures = [
    `path ${id}`,
    verdict,
    rtt(rounds),
    `${rounds.answered}/${rounds.asked}`,
    sentPackets === 0 ? '-' : `${lostPackets}/${sentPackets}`,
    datagramBytes === null ? '-' : String(datagramBytes),
    clock(clockAheadMs, rounds.minMs ?? 0),
  ];
  const name = [
    ...[path.server, path.address, path.primary ? 'primary' : '', path.via === null ? '' : `via ${path.via}`],
    path.certificateUntil === null ? '' : `certificate until ${path.certificateUntil.slice(0, 10)}`,
  ];
  const about = oneLine(name.filter((part) => part !== '').join(', '));
  return [
    paint(style, cutTo(columns(figures), width), COLOR_OF[verdict]),
    ...wrapped(`${INDENT}${about}`, width).map((line) => paint(style, line, 'dim')),
    ...(reason === '' ? [] : wrapped(`${INDENT}${oneLine(reason)}`, width)),
  ];
}

function columns(cells: readonly string[]): string {
  return `  ${cells.map((cell, index) => fit(cell, COLUMNS[index] ?? 0)).join(' ')}`.trimEnd();
}

/** `0.4 / 0.6 / 1.2 ms`, or what there is to say instead. */
function rtt({ minMs, avgMs, maxMs }: Rounds): string {
  if (minMs === null || avgMs === null || maxMs === null) return '-';
  return `${ms(minMs)} / ${ms(avgMs)} / ${ms(maxMs)} ms`;
}

function ms(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** It is known to within half of a round trip, and told in whole milliseconds. */
function clock(aheadMs: number | null, rttMs: number): string {
  if (aheadMs === null) return '-';
  const off = Math.abs(aheadMs);
  if (off <= rttMs / 2 + 1) return 'same';
  const sign = aheadMs < 0 ? '-' : '+';
  return off < 1000 ? `${sign}${off.toFixed(0)} ms` : `${sign}${(off / 1000).toFixed(0)} s`;
}

function findingLines(
  findings: readonly Finding[],
  servers: readonly ServerReport[],
  style: Style,
  width: number,
): string[] {
  const paths = servers.flatMap((server) => server.paths);
  const well = paths.filter(({ verdict }) => verdict !== 'down').length;
  const problems = findings.filter(({ severity }) => severity === 'problem').length;
  const share =
    paths.length === 0 ? 'no path' : `${well} of ${count(paths.length, 'path')} ${well === 1 ? 'is' : 'are'} well`;
  const sum = problems === 0 ? `${share}; nothing is wrong` : `${share}; ${count(problems, 'problem')}`;
  return [
    ...findings.flatMap(({ severity, text }) => {
      const line = oneLine(text);
      // What goes into a file or a pipe is searched by its lines.
      const [first = '', ...rest] = style.live ? wrapped(`  ${line}`, width) : [`  ${line}`];
      const mark = severity === 'problem' ? '!' : '-';
      const color = severity === 'problem' ? 'red' : undefined;
      return [`${mark}${first.slice(1)}`, ...rest].map((part) => paint(style, part, color));
    }),
    paint(style, sum, problems === 0 ? 'green' : 'red'),
  ];
}

/** Of `kwik ping`: a line for each path, and for each server without any. */
export function summaryLines(servers: readonly ServerReport[]): string[] {
  return servers.flatMap(({ address, problem, paths, refused }) => [
    ...(problem === null ? [] : [`${address}: ${problem.message}`]),
    ...paths.map(({ id, rounds, address: at, via, verdict, reason, sentPackets, lostPackets }) => {
      const lost = rounds.asked === 0 ? '' : `, ${formatPercent(1 - rounds.answered / rounds.asked)} lost`;
      const asked = `${rounds.asked} asked, ${rounds.answered} answered${lost}`;
      const times = rounds.minMs === null ? '' : `; rtt min/avg/max ${rtt(rounds)}`;
      const packets = sentPackets === 0 ? '' : `; QUIC lost ${lostPackets} of ${sentPackets} packets`;
      const why = verdict === 'down' ? `; ${reason}` : '';
      return oneLine(`path ${id} to ${at}${via === null ? '' : ` via ${via}`}: ${asked}${times}${packets}${why}`);
    }),
    ...refused.map(({ address: other, reason }) => oneLine(`${other}: ${reason}`)),
  ]);
}
