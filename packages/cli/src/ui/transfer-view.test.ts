import { describe, expect, test } from '@jest/globals';
import type { ServerTotal } from '../progress/server-totals.js';
import { columnsOf } from './text.js';
import { renderPlain, renderTransfer, type TransferView } from './transfer-view.js';

const PLAIN = { color: false, unicode: true, live: true };

function server(part: Partial<ServerTotal>): ServerTotal {
  const defaults = { primary: false, bytes: 0, share: 0, rate: 0, rttMs: 20, lostPackets: 0, state: 'active' } as const;
  return { server: '127.0.0.1:4433', ...defaults, ...part };
}

const view: TransferView = {
  title: 'film.bin',
  transfer: {
    ...{ receivedBytes: 15e6, doneBytes: 15e6, totalBytes: 30e6, rate: 2.5e6 },
    ...{ elapsedMs: 6000, contentMs: 5900, remainingMs: 6000, maxGapMs: 30 },
  },
  servers: [
    server({ server: '127.0.0.1:4433', primary: true, bytes: 10e6, share: 2 / 3, rate: 2e6 }),
    server({ server: 'mirror.example:4433', bytes: 5e6, share: 1 / 3, state: 'dead' }),
  ],
};

describe('the live view', () => {
  test('has a line for the whole and one per server', () => {
    const lines = renderTransfer(view, 100, PLAIN).map((line) => line.trimEnd());
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^film\.bin +█+▌░+ +50 % {2}15\.0 MB of 30\.0 MB {2}20\.0 Mbit\/s {2}6\.0 s left$/u);
    expect(lines[1]).toMatch(/^127\.0\.0\.1:4433 +█+.*67 % +10\.0 MB +16\.0 Mbit\/s {2}active$/u);
    expect(lines[2]).toMatch(/^mirror\.example:4433 +█+.*33 % +5\.00 MB +0 kbit\/s {2}dead$/u);
  });

  test('no line is wider than the terminal, however narrow or hostile', () => {
    const hostile = {
      ...view,
      title: '文'.repeat(50),
      servers: [...view.servers, server({ server: `${'x'.repeat(90)}\n` })],
    };
    for (const one of [view, hostile, { ...view, servers: [], note: '17 done' }]) {
      for (let columns = 20; columns <= 200; columns++) {
        for (const line of renderTransfer(one, columns, PLAIN)) {
          expect(line).not.toMatch(/\n/u);
          expect(columnsOf(line.trimEnd())).toBeLessThanOrEqual(columns);
        }
      }
    }
  });

  test('what matters most stays longest when room gets scarce', () => {
    const narrow = renderTransfer(view, 34, PLAIN);
    expect(narrow[0]).toContain('50 %');
    expect(narrow[2]).toContain('dead');
  });

  test('an empty file is no division by zero', () => {
    const empty = { ...view, transfer: { ...view.transfer, doneBytes: 0, totalBytes: 0 } };
    expect(renderTransfer(empty, 100, PLAIN).join('')).not.toMatch(/NaN|Infinity/u);
  });

  test('as one line for a log', () => {
    const named = { ...view, nameOf: ({ primary }: ServerTotal) => (primary ? 'one' : 'two'), note: '3 done' };
    expect(renderPlain(named)).toBe('film.bin  50 %  20.0 Mbit/s  (one 16.0 Mbit/s, two dead)  3 done');
  });
});
