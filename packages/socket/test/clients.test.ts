import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { createRequire } from 'node:module';
import nodeNet from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type Grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import {
  MARIADB,
  missingPrograms,
  NGINX,
  POSTGRES,
  type RealServer,
  type RealServerPlan,
  REDIS,
  SSHD,
  startRealServer,
} from '@kwik/testbed/programs';
import net, { type Server, type Socket } from '@kwik/socket';
import { serveHttp } from '@kwik/socket/http';
import { makeCertificates } from './certificates.js';

jest.setTimeout(60_000);

const FOLDER = fileURLToPath(new URL('..', import.meta.url));
const PROGRAM = fileURLToPath(new URL('programs/clients.mjs', import.meta.url));
const require = createRequire(import.meta.url);

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs a client that knows nothing of KWIK against a port on which only KWIK is spoken. */
async function resultOf(client: string, port: number, file = '', env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const hosts = { KWIK_HOSTS: `127.0.0.1:${port}`, NODE_OPTIONS: '' };
  const args = ['--import', '@kwik/socket/register', PROGRAM, client, `${port}`, file];
  const options = { cwd: FOLDER, env: { ...process.env, ...hosts, ...env }, timeout: 40_000 };
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  return JSON.parse(stdout);
}

/** The port of a KWIK server that listens. */
async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  cleanups.push(() => new Promise((done) => server.close(done)));
  await once(server, 'listening');
  return server.address()!.port;
}

/** The port of a KWIK server whose connections go on to a TCP port. */
async function forwarding(to: number): Promise<number> {
  const sockets = new Set<Socket | nodeNet.Socket>();
  cleanups.push(() => sockets.forEach((socket) => socket.destroy()));
  return portOf(
    net.createServer({ allowHalfOpen: true }, (socket) => {
      const onward = nodeNet.connect({ port: to, host: '127.0.0.1', allowHalfOpen: true });
      for (const each of [socket, onward]) sockets.add(each.on('error', () => undefined));
      socket.pipe(onward).pipe(socket);
      socket.on('close', () => onward.destroy());
      onward.on('close', () => socket.destroySoon());
    }),
  );
}

/** A test of a client against a real server; skipped by name without it. */
function withServer(
  name: string,
  plan: RealServerPlan,
  run: (port: number, server: RealServer) => Promise<void>,
): void {
  const missing = missingPrograms(plan);
  const body = async (): Promise<void> => {
    const server = await startRealServer(plan);
    cleanups.push(() => server.stop());
    await run(await forwarding(server.port), server);
  };
  if (missing.length === 0) test(name, body);
  // eslint-disable-next-line no-restricted-syntax -- a machine without the server cannot run it
  else test.skip(`${name} (missing: ${missing.join(', ')})`, body);
}

/** A KWIK server for HTTP. */
async function httpPort(server: http.Server | https.Server | http2.Http2SecureServer): Promise<number> {
  return portOf(serveHttp(server));
}

async function secrets(): Promise<{ cert: string; key: string; caFile: string }> {
  const { ca, cert, key } = await makeCertificates('inner.example');
  const caFile = join(tmpdir(), `kwik-ca-${process.pid}.pem`);
  writeFileSync(caFile, ca);
  return { cert, key, caFile };
}

describe('unmodified, by KWIK_HOSTS', () => {
  withServer('pg works on PostgreSQL', POSTGRES, async (port) => {
    const numbers = Array.from({ length: 20 }, (_, n) => n).join();
    expect(await resultOf('pg', port)).toEqual([500_500, 2_000_000, numbers]);
  });

  withServer('mysql2 works on MariaDB', MARIADB, async (port) => {
    expect(await resultOf('mysql2', port)).toEqual([42, 1_000_000, 2]);
  });

  withServer('ioredis works on Redis', REDIS, async (port) => {
    expect(await resultOf('ioredis', port)).toEqual([1_000_000, '1000']);
  });

  withServer('undici, fetch and the agents of node:http work on nginx', NGINX, async (port, { folder }) => {
    const content = randomBytes(3_000_000);
    writeFileSync(join(folder, 'www/file'), content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect(await resultOf('undici', port)).toEqual([sha256, sha256, sha256]);
    expect(await resultOf('http', port)).toEqual([sha256, sha256]);
  });

  withServer('ssh2 works on sshd', SSHD, async (port, { folder }) => {
    const env = { SSH_USER: userInfo().username };
    expect(await resultOf('ssh2', port, join(folder, 'client-key'), env)).toBe(true);
  });

  test('https works on a server of node:https', async () => {
    const { cert, key, caFile } = await secrets();
    const port = await httpPort(https.createServer({ cert, key }, (_asked, answer) => answer.end('secretly')));
    expect(await resultOf('https', port, caFile)).toBe('secretly');
  });

  test('http2 over TLS works on a server of node:http2', async () => {
    const { cert, key, caFile } = await secrets();
    const server = http2.createSecureServer({ cert, key }, (asked, answer) => answer.end(asked.url));
    expect(await resultOf('http2', await httpPort(server), caFile)).toEqual(
      Array.from({ length: 10 }, (_, n) => `/${n}`),
    );
  });

  test('ws works on a server of its own', async () => {
    const { WebSocketServer } = require('ws') as { WebSocketServer: new (options: object) => EventEmitter };
    const server = http.createServer();
    new WebSocketServer({ server }).on('connection', (socket: EventEmitter & { send(data: Buffer): void }) => {
      socket.on('message', (data: Buffer) => socket.send(data));
    });
    expect(await resultOf('ws', await httpPort(server))).toBe(500_000);
  });

  test('grpc-js works on a server of its own', async () => {
    const grpc = require('@grpc/grpc-js') as typeof Grpc;
    const identity = (bytes: Buffer): Buffer => bytes;
    const serializers = { requestDeserialize: identity, responseSerialize: identity };
    const server = new grpc.Server();
    const both = { ...serializers, requestSerialize: identity, responseDeserialize: identity };
    server.addService(
      { Echo: { path: '/echo/Echo', requestStream: false, responseStream: false, ...both } },
      { Echo: (call: { request: Buffer }, done: (error: null, answer: Buffer) => void) => done(null, call.request) },
    );
    const to = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', grpc.ServerCredentials.createInsecure());
    cleanups.push(() => server.forceShutdown());
    expect(await resultOf('grpc', await forwarding(to))).toEqual([1, 1_000_000]);
  });
});
