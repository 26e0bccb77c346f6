import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import * as wire from '../src/index.js';

const readme = read('../README.md');
const REFERENCE = '../../../docs/reference';

test('the README names everything that the package exports', () => {
  for (const name of Object.keys(wire)) expect(readme).toContain(`\`${name}`);
});

test('the reference has every error of the table, with its summary, and says what to do', () => {
  const rows = tableRows(read(`${REFERENCE}/errors.md`)).filter(([code]) => code?.startsWith('`ERR_KWIK_'));
  const expected = Object.entries(wire.ERROR_TABLE).sort(([, one], [, other]) => one.number - other.number);
  expect(rows.map(([code]) => code).sort()).toEqual(expected.map(([code]) => `\`${code}\``).sort());
  for (const [code, { number, scope, summary }] of expected) {
    const row = rows.find(([cell]) => cell === `\`${code}\``);
    const kind = wire.errorClassOf(code as wire.ErrorCode);
    expect(row?.slice(1, 5)).toEqual([`0x${number.toString(16).padStart(2, '0')}`, scope, kind, summary]);
    expect(row?.[5]?.length).toBeGreaterThan(20);
  }
});

test('the reference has every bound of control messages', () => {
  const tables = read(`${REFERENCE}/protocol.md`).replace(/ +/g, ' ');
  for (const [name, bound] of Object.entries(wire.CONTROL_LIMITS)) {
    expect(tables).toContain(`| \`${name}\` | ${bound.toLocaleString('en')} |`);
  }
});

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

/** The cells of all rows of all tables. */
function tableRows(page: string): string[][] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}
