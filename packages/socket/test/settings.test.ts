import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { pause, until } from '@kwik/testbed';
import net, { configure, type KwikSettings, type Server } from '@kwik/socket';
import { makeCertificates } from './certificates.js';
import { rawServer, TAKEN } from './raw-server.js';

const NAME = 'server.example';
const lookup = ((_host: string, _options: object, done: (...args: unknown[]) => void) =>
  done(null, [{ address: '127.0.0.1', family: 4 }])) as never;

let made: Awaited<ReturnType<typeof makeCertificates>>;
const servers: Server[] = [];
const folder = mkdtempSync(join(tmpdir(), 'kwik-settings-'));

beforeAll(async () => {
  made = await makeCertificates(NAME);
});

afterEach(async () => {
  configure({ ca: undefined, cert: undefined, key: undefined } as unknown as KwikSettings);
  // An empty variable counts as none.
  for (const name of ['KWIK_CA', 'KWIK_CERT', 'KWIK_KEY', 'KWIK_CONNECT_MS', 'KWIK_FAST_OPEN', 'KWIK_INTENT'])
    env[name] = '';
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
});

async function serving(kwik?: KwikSettings): Promise<number> {
  const server = net.createServer(kwik === undefined ? {} : { kwik }, (socket) => socket.end('hello'));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address()!.port;
}

async function greetingOf(port: number, kwik?: KwikSettings): Promise<string> {
  const socket = net.connect({ port, host: NAME, lookup, kwik });
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

test('certificates by the options of a call, as text', async () => {
  const { ca, cert, key } = made;
  expect(await greetingOf(await serving({ cert, key }), { ca })).toBe('hello');
});

test('certificates by configure, before those of the environment', async () => {
  env['KWIK_CA'] = (await makeCertificates(NAME)).ca;
  const { ca, cert, key } = made;
  configure({ ca, cert, key });
  expect(await greetingOf(await serving())).toBe('hello');
});

test('certificates by the environment, as files', async () => {
  for (const name of ['ca', 'cert', 'key'] as const) {
    const file = join(folder, `${name}.pem`);
    writeFileSync(file, made[name]);
    env[`KWIK_${name.toUpperCase()}`] = file;
  }
  expect(await greetingOf(await serving())).toBe('hello');
  rmSync(folder, { recursive: true });
});

test('certificates in files are read again: by a server within seconds, by clients at the next connect', async () => {
  const own = mkdtempSync(join(tmpdir(), 'kwik-renewed-'));
  const files = { ca: join(own, 'ca'), cert: join(own, 'cert'), key: join(own, 'key') };
  const write = (credentials: Record<keyof typeof files, string>): void => {
    for (const name of ['ca', 'cert', 'key'] as const) writeFileSync(files[name], credentials[name]);
  };
  write(made);
  const { ca, cert, key } = files;
  const port = await serving({ cert, key });
  // Nothing that was verified with former files is there for later connections.
  const pool = { idleMs: 0 };
  expect(await greetingOf(port, { ca, pool })).toBe('hello');
  write(await makeCertificates(NAME));
  const untilMs = performance.now() + 20_000;
  let greeting = '';
  while (greeting === '' && performance.now() < untilMs) {
    greeting = await greetingOf(port, { ca, pool }).catch(() => '');
    await pause(200);
  }
  expect(greeting).toBe('hello');
  await expect(greetingOf(port, { ca: made.ca, pool })).rejects.toMatchObject({ code: 'ERR_KWIK_CERTIFICATE' });
  rmSync(own, { recursive: true });
}, 40_000);

test('a server that the client does not trust, and a name that is another’s', async () => {
  const { cert, key, ca } = made;
  const port = await serving({ cert, key });
  const stranger = await makeCertificates(NAME);
  await expect(greetingOf(port, { ca: stranger.ca })).rejects.toMatchObject({ code: 'ERR_KWIK_CERTIFICATE' });
  await expect(greetingOf(port, { ca, serverName: 'else.example' })).rejects.toMatchObject({
    code: 'ERR_KWIK_CERTIFICATE',
  });
});

test('settings that cannot be used are said within the call', async () => {
  env['KWIK_CONNECT_MS'] = 'soon';
  const socket = net.connect(1);
  expect(String((await once(socket, 'error'))[0])).toContain("KWIK_CONNECT_MS is 'soon'");
  const unset = net.createServer().listen(0);
  expect(String((await once(unset, 'error'))[0])).toContain("KWIK_CONNECT_MS is 'soon'");
  env['KWIK_CONNECT_MS'] = '';
  env['KWIK_FAST_OPEN'] = 'yes';
  expect(String((await once(net.connect(1), 'error'))[0])).toContain("KWIK_FAST_OPEN is 'yes'; it takes 1 or 0");
  env['KWIK_FAST_OPEN'] = '';
  const server = net.createServer({ kwik: { cert: made.cert } }).listen(0);
  expect(String((await once(server, 'error'))[0])).toContain('cert and key');
  const missing = net.createServer({ kwik: { cert: '/nowhere.pem', key: made.key } }).listen(0);
  expect((await once(missing, 'error'))[0]).toMatchObject({ code: 'ENOENT' });
});

test('a server that is closed while its name is looked up can listen again at once, and keeps its new port', async () => {
  const server = net.createServer((socket) => socket.end('hello'));
  servers.push(server);
  server.listen(0, 'localhost');
  server.close();
  server.listen(0, '127.0.0.1');
  const { port } = server.address()!;
  await once(server, 'listening');
  await once(net.connect(port).resume(), 'close');
  expect(server.address()!.port).toBe(port);
});

test('pipes, descriptors and handles are refused with what to do', () => {
  const refusal = expect.objectContaining({
    code: 'ERR_KWIK_UNSUPPORTED',
    message: expect.stringContaining('node:net'),
  });
  expect(() => net.connect('/tmp/socket')).toThrow(refusal);
  expect(() => net.createServer().listen('/tmp/socket')).toThrow(refusal);
  expect(() => net.createServer().listen({ fd: 3 })).toThrow(refusal);
  expect(() => new net.Socket({ fd: 3 } as never)).toThrow(refusal);
});

/** Of the streams of a session, which its interface does not tell. */
function modesOf(session: unknown): string[] {
  type Streams = { values(): Iterable<{ readonly intent: { readonly mode: string } }> };
  const { engine } = session as { readonly engine: { readonly streams: Streams } };
  return [...engine.streams.values()].map(({ intent }) => intent.mode);
}

test('a fast open by the environment: what was written is there when the server has to decide', async () => {
  env['KWIK_FAST_OPEN'] = '1';
  const read: Promise<Uint8Array | null>[] = [];
  const raw = await rawServer((stream) => read.push(stream.read()));
  const socket = net.connect(raw.port, '127.0.0.1');
  socket.write('question');
  await until(() => read.length === 1);
  expect(Buffer.from((await read[0])!)).toEqual(Buffer.from([1, 0, ...Buffer.from('question')]));
  socket.destroy();
  await raw.close();
});

describe('an intent', () => {
  test.each([
    ['of a call', { intent: { mode: 'reliable', priority: 1 } }, '', 'reliable'],
    ['of the environment', undefined, 'fast', 'fast'],
  ] as const)('%s is that of the stream, at both ends', async (_whose, kwik, variable, wanted) => {
    env['KWIK_INTENT'] = variable;
    const raw = await rawServer((stream) => void stream.write(TAKEN));
    const socket = net.connect({ port: raw.port, host: '127.0.0.1', kwik });
    await once(socket, 'connect');
    expect(modesOf(raw.sessions[0]!)).toEqual([wanted]);
    socket.destroy();
    await raw.close();
  });

  test('that makes no sense is refused by name: of a call by the socket, of the environment at once', async () => {
    const port = await serving();
    const socket = net.connect({ port, host: '127.0.0.1', kwik: { intent: { mode: 'quick' as never } } });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error).toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT', message: expect.stringContaining('mode') });
    env['KWIK_INTENT'] = 'quick';
    const refused = net.connect({ port, host: '127.0.0.1' });
    expect((await once(refused, 'error'))[0]).toMatchObject({ message: expect.stringContaining('KWIK_INTENT') });
  });
});
