import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fromProblems } from '../lib/result.mjs';
import { run } from '../lib/run.mjs';

/**
 * What never belongs into a tracked file, whatever the machine.
 *
 * @type {readonly { pattern: RegExp, what: string }[]}
 */
const STRANGERS = [
  // Alice, Bob, "user" and "me" live nowhere: they stand in examples.
  {
    pattern: /(?<![\w.~])\/(home|Users)\/(?!(alice|bob|user|me)\/)[a-z][\w-]*\//,
    what: "a path in someone's home folder",
  },
  { pattern: /\b[A-Z]:\\{1,2}Users\\/, what: "a path in someone's home folder" },
  { pattern: /(?<![\w.])\/root\/\w/, what: "a path in root's home folder" },
  { pattern: /_auth(Token)?\s*=/, what: 'credentials of a package registry' },
  { pattern: /\bregistry\.(?!test\.)[a-z0-9-]+\.[a-z]+\b/, what: "a package registry's host name" },
  { pattern: /^(<{7}|>{7}) /m, what: 'a merge conflict' },
  { pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}/, what: 'a private key: tests make their own' },
];

/** A lockfile is the same for all: it names no host at all. */
const LOCKFILE = 'pnpm-lock.yaml';
const MAX_TEXT_BYTES = 4_000_000;

/**
 * Tracked files hold nothing of the machine that they were written on.
 *
 * @type {import('../lib/result.mjs').Check}
 */
export async function checkHygiene(root) {
  const { code, stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  });
  if (code !== 0) return fromProblems(['git does not list the files: is this a checkout?']);
  const files = stdout.split('\0').filter((file) => file !== '' && isText(join(root, file)));
  const local = await wordsOfThisMachine(root);
  const problems = files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const found = STRANGERS.flatMap(({ pattern, what }) => {
      const match = pattern.exec(text);
      return match === null ? [] : [`${file}:${lineAt(text, match.index)}: ${what}`];
    });
    const foundLocal = local.flatMap(({ word, what }) => {
      const index = text.indexOf(word);
      return index < 0 ? [] : [`${file}:${lineAt(text, index)}: ${what}`];
    });
    const hosts = file === LOCKFILE && /https?:\/\//.test(text) ? [`${file}: names a host`] : [];
    return [...found, ...foundLocal, ...hosts];
  });
  return fromProblems(problems, `${files.length} files`);
}

/**
 * Paths and hosts that only this machine knows: where the checkout lies, the user's home, the registry in use.
 *
 * @param {string} root
 * @returns {Promise<{ word: string, what: string }[]>}
 */
async function wordsOfThisMachine(root) {
  const npm = await run('npm', ['config', 'get', 'registry'], { cwd: root });
  const words = [
    { word: `${root}/`, what: "this machine's path to the checkout" },
    { word: `${homedir()}/`, what: "this machine's path to the home folder" },
    { word: hostOf(npm.stdout.trim()), what: 'the host name of the package registry in use' },
  ];
  // A short word, such as a checkout in "/a", says nothing about a machine; nor do the names of every machine.
  return words.filter(({ word }) => word.length >= 6 && !['localhost', '127.0.0.1'].includes(word));
}

/** @param {string} url */
function hostOf(url) {
  return URL.canParse(url) ? new URL(url).hostname : '';
}

/** @param {string} path */
function isText(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isFile() || stats.size > MAX_TEXT_BYTES) return false;
  return !readFileSync(path).subarray(0, 8000).includes(0);
}

/**
 * @param {string} text
 * @param {number} index
 */
const lineAt = (text, index) => text.slice(0, index).split('\n').length;
