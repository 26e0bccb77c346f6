import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../lib/workspace.mjs';

const PAGE = readFileSync(join(ROOT, 'docs', 'architecture.md'), 'utf8');
/** What stands before each of the four, and how the table of all calls it. */
const WALKS = [
  ['Bytes that an application writes', 'bytes to the wire'],
  ['And a datagram that comes', 'a datagram to a reader'],
  ['The way of a control message', '`addPath` to active'],
  ['And a request for a range', 'a range to the wire'],
];

/** @param {string} opening @returns {string[]} The files of a walk, as far as they are told apart by their names. */
function filesOf(opening) {
  const [, table = ''] = /\n\n(\|[^]*?)\n\n/u.exec(PAGE.slice(PAGE.indexOf(opening))) ?? [];
  return [...new Set([...table.matchAll(/`([\w/-]+\.ts)`/gu)].map(([, file = '']) => file))];
}

test.each(WALKS)('%s: each file is there, and they are as many as the page says', (opening, name) => {
  const sources = execFileSync('git', ['ls-files', 'packages/*/src/*.ts'], { cwd: ROOT, encoding: 'utf8' }).split('\n');
  const files = filesOf(opening);
  expect(files.length).toBeGreaterThan(10);
  expect(files.filter((file) => !sources.some((source) => source.endsWith(`/${file}`)))).toEqual([]);
  const [, said] = new RegExp(`^\\| ${name} +\\| (\\d+) `, 'mu').exec(PAGE) ?? [];
  expect(Number(said)).toBe(new Set(files.map((file) => file.split('/').at(-1))).size);
});
