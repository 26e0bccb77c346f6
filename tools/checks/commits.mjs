import config from '@commitlint/config-conventional';
import lint from '@commitlint/lint';
import { fromProblems } from '../lib/result.mjs';
import { run } from '../lib/run.mjs';

/** The last commit before messages followed the convention. */
const BEFORE = '05908900d0b050e6d53ad9f228e6a3063521e79c';

/** A type, a scope if there is one, `!` for what breaks, and the subject. */
const PARSER = {
  headerPattern: /^(\w*)(?:\(([\w$./-]+)\))?!?: (.*)$/u,
  headerCorrespondence: ['type', 'scope', 'subject'],
};

/** @type {Parameters<typeof lint>[1]} */
const RULES = {
  ...config.rules,
  // Names such as Ed25519 and DNS keep their capitals wherever they stand.
  'subject-case': [0],
  // A quotation or an address in a body is as long as it is.
  'body-max-line-length': [0],
  'footer-max-line-length': [0],
  'body-leading-blank': [2, 'always'],
};

/**
 * Messages of commits are what lerna makes changelogs and versions of, so they follow Conventional Commits. A checkout
 * without its history (a shallow clone) is judged by what it has.
 *
 * @type {import('../lib/result.mjs').Check}
 */
export async function checkCommits(root) {
  return judgeCommits(root, BEFORE);
}

/**
 * @param {string} root
 * @param {string} before Commits up to this one are left alone; when it is not there, only the newest is judged.
 */
export async function judgeCommits(root, before) {
  const known = (await run('git', ['cat-file', '-e', `${before}^{commit}`], { cwd: root })).code === 0;
  const range = known ? [`${before}..HEAD`] : ['-1', 'HEAD'];
  const log = await run('git', ['log', '--no-merges', '-z', '--format=%h %B', ...range], { cwd: root });
  if (log.code !== 0) return fromProblems([`git log: ${log.output.trim()}`]);
  const commits = log.stdout.split('\0').filter((text) => text.trim() !== '');
  /** @type {string[]} */
  const problems = [];
  for (const commit of commits) {
    const [, hash = '', message = ''] = /^(\S+) ([^]*)$/u.exec(commit) ?? [];
    const { errors } = await lint(message, RULES, { parserOpts: PARSER });
    const subject = message.split('\n')[0];
    problems.push(...errors.map((error) => `${hash} ${subject}: ${error.message}`));
  }
  return fromProblems(problems, `${commits.length} messages${known ? '' : '; the history is not here'}`);
}
