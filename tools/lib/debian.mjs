import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { run } from './run.mjs';

/**
 * The programs of Debian that integration tests speak to. `tools/debian.mjs` installs them, and so does the step
 * `machine` of the checks where it may; a test whose program is missing is skipped by name.
 *
 * @typedef {object} DebianRow
 * @property {string} name Of Debian's package.
 * @property {string} program A file that it brings; there, it is installed.
 * @property {string} why What tests need it for.
 */

/** @type {readonly DebianRow[]} */
export const DEBIAN = [
  { name: 'iproute2', program: '/usr/sbin/ip', why: 'network namespaces: hosts of their own on one machine' },
  { name: 'redis-server', program: '/usr/bin/redis-server', why: 'a real server behind sockets' },
  { name: 'postgresql', program: '/usr/lib/postgresql/15/bin/postgres', why: 'a real server behind sockets' },
  { name: 'mariadb-server', program: '/usr/sbin/mariadbd', why: 'mysql2 and a real server behind sockets' },
  { name: 'nginx-light', program: '/usr/sbin/nginx', why: 'a real HTTP server behind sockets' },
  { name: 'curl', program: '/usr/bin/curl', why: 'HTTP through tunnels, by a client that everybody has' },
  { name: 'openssh-client', program: '/usr/bin/ssh', why: 'ssh through a tunnel' },
  { name: 'openssh-server', program: '/usr/sbin/sshd', why: 'ssh across the death of a relay' },
  { name: 'etcd-server', program: '/usr/bin/etcd', why: 'discovery by etcd' },
  { name: 'dnsmasq-base', program: '/usr/sbin/dnsmasq', why: 'discovery by DNS' },
  { name: 'prometheus', program: '/usr/bin/prometheus', why: 'metrics are scraped, rules checked by promtool' },
  { name: 'jq', program: '/usr/bin/jq', why: 'qlogs are read by a tool that others made' },
  { name: 'golang-go', program: '/usr/bin/go', why: 'a client in another language' },
  {
    name: 'golang-github-lucas-clemente-quic-go-dev',
    program: '/usr/share/gocode/src/github.com/lucas-clemente/quic-go/client.go',
    why: 'another QUIC stack, for that client',
  },
  {
    name: 'golang-google-protobuf-dev',
    program: '/usr/share/gocode/src/google.golang.org/protobuf/proto/proto.go',
    why: 'messages of proto/, for that client',
  },
  { name: 'chromium', program: '/usr/bin/chromium', why: 'pages are looked at in a real browser' },
];

/** Debian asks this program whether a service may start at installation; 101 says no (invoke-rc.d). */
const POLICY = '/usr/sbin/policy-rc.d';
const INSTALL_TIMEOUT_MS = 600_000;
/** @type {readonly NodeJS.Signals[]} */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** @returns {readonly DebianRow[]} The rows whose program is not there. */
export function missing() {
  return DEBIAN.filter(({ program }) => !existsSync(program));
}

/** Why this machine cannot install Debian's packages; undefined where it can. */
export function cannotInstall() {
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get')) return 'no Debian';
  if (process.getuid?.() !== 0) return 'not root';
  return undefined;
}

/**
 * Installs packages, and starts none of their services.
 *
 * @param {readonly DebianRow[]} rows
 * @returns {Promise<import('./run.mjs').RunResult>} Of the step that failed, or of the last.
 */
export async function install(rows) {
  const restore = forbidServices();
  try {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    const wait = ['-o', 'DPkg::Lock::Timeout=300'];
    const names = rows.map(({ name }) => name);
    const args = ['install', '--yes', '--no-install-recommends', ...wait, ...names];
    const first = await run('apt-get', args, { env, timeoutMs: INSTALL_TIMEOUT_MS });
    if (first.code === 0) return first;
    // The lists of a fresh machine are empty or old.
    const lists = await run('apt-get', ['update', ...wait], { env, timeoutMs: INSTALL_TIMEOUT_MS });
    return lists.code === 0 ? await run('apt-get', args, { env, timeoutMs: INSTALL_TIMEOUT_MS }) : lists;
  } finally {
    restore();
  }
}

/** Until what it returns is called, also when the process is interrupted: the machine is its owner's. */
function forbidServices() {
  if (existsSync(POLICY)) return () => undefined;
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const onSignal = () => process.exit(130);
  const restore = () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off('exit', restore);
    if (existsSync(POLICY) && readFileSync(POLICY, 'utf8').endsWith('exit 101\n')) rmSync(POLICY);
  };
  for (const signal of SIGNALS) process.once(signal, onSignal);
  process.once('exit', restore);
  return restore;
}
