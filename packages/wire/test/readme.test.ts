import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import * as wire from '../src/index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
/** Without the blanks that line up the columns of tables. */
const tables = readme.replace(/ +/g, ' ');

test('the README names everything that the package exports', () => {
  for (const name of Object.keys(wire)) expect(readme).toContain(`\`${name}`);
});

test('the README has every error of the table', () => {
  for (const [code, { number, scope }] of Object.entries(wire.ERROR_TABLE)) {
    expect(tables).toContain(`| \`${code}\` | 0x${number.toString(16).padStart(2, '0')} | ${scope} |`);
  }
});

test('the README has every bound of control messages', () => {
  for (const [name, bound] of Object.entries(wire.CONTROL_LIMITS)) {
    expect(tables).toContain(`| \`${name}\` | ${bound.toLocaleString('en')} |`);
  }
});
