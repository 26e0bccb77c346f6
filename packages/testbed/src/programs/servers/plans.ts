import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { RealServerPlan } from './real-server.js';

/** PostgreSQL; user and database `kwik`, no password. */
export const POSTGRES: RealServerPlan = {
  programs: ['/usr/lib/postgresql/15/bin/postgres', '/usr/lib/postgresql/15/bin/initdb'],
  insteadOfRoot: 'postgres',
  prepare: (folder, run) => {
    const data = join(folder, 'data');
    run('/usr/lib/postgresql/15/bin/initdb', ['-D', data, '-U', 'kwik', '-A', 'trust', '--no-sync', '--no-locale']);
  },
  args: (folder, port) => [
    ...['-D', join(folder, 'data'), '-p', `${port}`, '-h', '127.0.0.1', '-k', folder],
    ...['-c', 'fsync=off', '-c', 'max_connections=100'],
  ],
  ready: /database system is ready to accept connections/,
};

export const REDIS: RealServerPlan = {
  programs: ['redis-server'],
  args: (folder, port) => ['--bind', '127.0.0.1', '--port', `${port}`, '--save', '', '--dir', folder],
  ready: /Ready to accept connections/,
};

/** MariaDB; user `kwik`, no password, database `test`. */
export const MARIADB: RealServerPlan = {
  programs: ['mariadbd', 'mariadb-install-db'],
  insteadOfRoot: 'mysql',
  prepare: (folder, run) => {
    const data = `--datadir=${join(folder, 'data')}`;
    run('mariadb-install-db', ['--no-defaults', data, '--auth-root-authentication-method=normal', '--skip-log-bin']);
    const sql = "CREATE DATABASE IF NOT EXISTS test;\nCREATE USER kwik@'%';\nGRANT ALL ON test.* TO kwik@'%';\n";
    writeFileSync(join(folder, 'init.sql'), sql);
  },
  args: (folder, port) => [
    ...['--no-defaults', `--datadir=${join(folder, 'data')}`, `--port=${port}`, '--bind-address=127.0.0.1'],
    ...[
      `--socket=${join(folder, 'sock')}`,
      `--pid-file=${join(folder, 'pid')}`,
      `--init-file=${join(folder, 'init.sql')}`,
    ],
    ...['--skip-name-resolve', '--innodb-flush-log-at-trx-commit=0'],
  ],
  ready: /ready for connections/,
};

/** nginx that serves the folder `www` of its own, which a test fills. */
export const NGINX: RealServerPlan = {
  programs: ['nginx'],
  prepare: (folder) => mkdirSync(join(folder, 'www')),
  args: (folder, port) => {
    const user = process.getuid?.() === 0 ? 'user root;' : '';
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/t;`,
    );
    const server = `server { listen 127.0.0.1:${port}; root ${folder}/www; }`;
    const http = `http { access_log off; ${temporary.join(' ')} ${server} }`;
    const head = `daemon off; ${user} worker_processes 1; pid ${folder}/pid; error_log stderr notice; events {}`;
    writeFileSync(join(folder, 'nginx.conf'), `${head} ${http}`);
    return ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')];
  },
  ready: /start worker process/,
};

/** sshd that lets this very user in, by the key `client-key` in its folder. */
export const SSHD: RealServerPlan = {
  programs: ['sshd', 'ssh-keygen', 'ssh'],
  prepare: (folder, run) => {
    for (const key of ['host-key', 'client-key'])
      run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)]);
    // Where Debian's sshd locks itself in before it knows who comes.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  },
  args: (folder, port) => [
    ...['-D', '-e', '-f', '/dev/null', '-p', `${port}`, '-h', join(folder, 'host-key')],
    ...['-o', 'ListenAddress=127.0.0.1', '-o', 'StrictModes=no', '-o', 'UsePAM=no', '-o', 'PidFile=none'],
    ...['-o', `AuthorizedKeysFile=${join(folder, 'client-key.pub')}`, '-o', 'PermitRootLogin=yes'],
    ...['-o', 'AllowTcpForwarding=yes', '-o', 'MaxStartups=100', '-o', 'Subsystem=sftp internal-sftp'],
  ],
  ready: /Server listening/,
};

/** Options for `ssh` to come in there, without the files of this user; the name that comes in. */
export function sshOptions(folder: string): readonly string[] {
  return [
    ...['-F', '/dev/null', '-i', join(folder, 'client-key'), '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR'],
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-l', userInfo().username],
  ];
}

/** etcd, one node, without authentication; as with PostgreSQL, nothing waits for the disk. */
export const ETCD: RealServerPlan = {
  programs: ['etcd'],
  args: (folder, port) => {
    const [clients, peers] = [`http://127.0.0.1:${port}`, 'http://127.0.0.1:0'];
    return [
      ...[
        '--unsafe-no-fsync',
        '--data-dir',
        join(folder, 'data'),
        '--listen-client-urls',
        clients,
        '--advertise-client-urls',
        clients,
      ],
      ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers, '--initial-cluster', `default=${peers}`],
    ];
  },
  ready: /serving (?:insecure )?client requests|ready to serve client requests/,
};

/** dnsmasq that answers with these lines of its configuration, and forwards nothing. */
export function dnsmasqPlan(records: readonly string[]): RealServerPlan {
  return {
    programs: ['dnsmasq'],
    prepare: (folder) => writeFileSync(join(folder, 'dnsmasq.conf'), `${records.join('\n')}\n`),
    args: (folder, port) => [
      ...['--no-daemon', `--conf-file=${join(folder, 'dnsmasq.conf')}`, `--pid-file=${join(folder, 'pid')}`],
      ...[`--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces', '--no-resolv', '--no-hosts'],
      ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    ],
    ready: /started, version/,
  };
}
