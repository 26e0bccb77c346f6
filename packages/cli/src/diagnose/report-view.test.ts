import { expect, test } from '@jest/globals';
import { columnsOf } from '../ui/text.js';
import type { PathReport, ServerReport } from './reports.js';
import { reportLines } from './report-view.js';

const PLAIN = { color: false, unicode: false, live: false };
const PATH: PathReport = {
  id: 65_537,
  address: '[2001:db8::1234:5678]:4433',
  server: 'a-server-with-a-rather-long-name.example',
  primary: true,
  via: 'relay.example:4440',
  state: 'active',
  verdict: 'degraded',
  reason: 'it loses packets, and its round trip is four times what it was when the session began, a minute ago',
  rounds: { asked: 1000, answered: 998, minMs: 101.2, avgMs: 123.4, maxMs: 4567.8 },
  sentPackets: 45_678,
  lostPackets: 12,
  datagramBytes: 1350,
  certificateUntil: '2027-03-01T00:00:00.000Z',
  clockAheadMs: -90_000,
};
const SERVER: ServerReport = {
  address: 'a:1',
  udp: 'open',
  connectMs: 40,
  problem: null,
  paths: [PATH],
  refused: [],
};

test('fits into 80 columns, with every head of a column and every word of a reason', () => {
  const lines = reportLines([SERVER], [], PLAIN, 80);
  for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(80);
  expect(lines[1]).toMatch(/^ +rtt min \/ avg \/ max +answers +lost +datagram clock$/u);
  expect(lines[2]).toMatch(/^ {2}path 65537 degraded 101 \/ 123 \/ 4568 ms +998\/1000 +12\/45678 +1350 +-90 s$/u);
  const text = lines.join(' ').replaceAll(/\s+/gu, ' ');
  expect(text).toContain(`via relay.example:4440, certificate until 2027-03-01`);
  expect(text).toContain(PATH.reason);
});

test('breaks what is wrong at words where somebody reads it, and nowhere else', () => {
  const findings = [{ severity: 'problem', text: `path 1 carries nothing: ${'so it is '.repeat(20)}` }] as const;
  const shown = reportLines([SERVER], findings, { ...PLAIN, live: true }, 80);
  for (const line of shown) expect(columnsOf(line)).toBeLessThanOrEqual(80);
  expect(shown.find((line) => line.startsWith('! path 1 carries nothing'))).toBeDefined();
  const piped = reportLines([SERVER], findings, PLAIN, 80);
  expect(piped).toContain(`! ${findings[0].text.trim()}`);
});
