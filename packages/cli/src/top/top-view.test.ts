import { expect, test } from '@jest/globals';
import { columnsOf } from '../ui/text.js';
import type { AdminState } from './admin-client.js';
import { topLines } from './top-view.js';

const PLAIN = { color: false, unicode: false, live: false };
const RATES = { sentPerSecond: 0, receivedPerSecond: 1_250_000 };
const PATH = {
  id: 0,
  address: '192.0.2.1:1',
  server: 'north',
  state: 'active',
  flow: 'steady',
  reason: 'validated',
  unused: '',
  ...RATES,
};
const FIGURES = { rttMs: 20.4, lossRate: 0.01, share: 0.5 };

const STATE: AdminState = {
  session: 'a1b2c3d4e5.client',
  total: 12,
  sessions: Array.from({ length: 12 }, (_, index) => ({
    id: index === 1 ? 'a1b2c3d4e5.client' : `${index}`.padStart(10, 'f'),
    role: 'client',
    peer: 'north',
    ageMs: 1000,
    paths: 2,
    active: 1,
    service: index === 1 ? 'minimal' : 'full',
    serviceReason: index === 1 ? '1 of 2 paths carries data: path 1 is\u001b[2J dead' : '',
    ...RATES,
  })),
  paths: [
    { ...PATH, ...FIGURES },
    { ...PATH, ...FIGURES, id: 1, server: '\u001b[2Jevil', rttMs: 0, state: 'dead', unused: 'nothing was heard' },
    { ...PATH, ...FIGURES, id: 2, server: 'slow', state: 'degraded', reason: 'it loses packets' },
  ],
  alerts: [{ severity: 'critical', title: 'server evil does not answer', now: 'none of 1', action: 'look' }],
  lines: [{ time: 0, level: 'warn', message: 'path 1 is\u001b[31m dead' }],
};

test('shows sessions, the paths of one with the reason, alerts and what happened, and nothing a terminal acts on', () => {
  const lines = topLines(STATE, PLAIN, 80);
  expect(lines[0]).toBe('12 sessions, in 120 Mbit/s, out 0 kbit/s');
  expect(lines[1]).toBe('! server evil does not answer: none of 1. look');
  expect(lines.find((line) => line.includes('receives'))).toMatch(/rtt +loss$/u);
  expect(lines.filter((line) => line.startsWith('> '))).toEqual([expect.stringContaining('1/2 paths')]);
  expect(lines).toContain('    minimal service: 1 of 2 paths carries data: path 1 is [2J dead');
  expect(lines).toContain('  and 4 more');
  const north = lines.find((line) => line.startsWith('  north') && line.includes('active'));
  expect(north).toMatch(/active +10\.0 Mbit\/s +0 kbit\/s +50 % +20\.4 ms +1 %$/u);
  expect(lines).toContain('    nothing was heard');
  expect(lines).toContain('    it loses packets');
  expect(lines.join()).not.toContain('validated');
  expect(lines.at(-1)).toMatch(/path 1 is \[31m dead$/u);
  expect(lines.join('')).not.toContain('\u001b');
});

test('fits the terminal', () => {
  for (const width of [20, 40, 79]) {
    for (const line of topLines(STATE, PLAIN, width)) expect(columnsOf(line)).toBeLessThanOrEqual(width);
  }
});
