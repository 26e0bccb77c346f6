import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { pause } from '@kwik/testbed';
import { freePort } from '@kwik/testbed/programs';
import { Harness, type Running } from './harness.js';

jest.setTimeout(60_000);

let harness: Harness;
const servers: Server[] = [];
const sockets: Socket[] = [];
const datagramSockets: ReturnType<typeof createSocket>[] = [];

beforeEach(async () => {
  harness = await Harness.create();
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
  for (const socket of datagramSockets.splice(0)) socket.close();
  await harness.close();
});

/** A TCP server; its port. */
async function serving(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on('error', () => undefined));
    onSocket(socket);
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** `kwik serve` that forwards; its address. */
async function forwarding(
  args: readonly string[],
  listen = '127.0.0.1:0',
): Promise<{ address: string; process: Running }> {
  const process = harness.start(['serve', '--listen', listen, '--json', ...args]);
  const [, address = ''] = await process.printed(/^\{"event":"listening","address":"([^"]+)"/mu);
  return { address, process };
}

/** `kwik tunnel`, and the first port that it listens on. */
async function tunnel(server: string, args: readonly string[]): Promise<{ port: number; process: Running }> {
  const process = harness.start(['tunnel', server, ...args]);
  const [, port] = await process.printed(/(?:listening on|^)\s?127\.0\.0\.1:(\d+) /mu);
  return { port: Number(port), process };
}

function connecting(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  sockets.push(socket.on('error', () => undefined));
  return socket;
}

async function textOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk)));
  await once(socket, 'end');
  return text;
}

/** However it comes to that. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

const upper = (socket: Socket): void => {
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk)));
  socket.on('end', () => socket.end(text.toUpperCase()));
};

describe('a port here', () => {
  test('leads to a server there, and each direction ends by itself', async () => {
    const target = `127.0.0.1:${await serving(upper)}`;
    const { address } = await forwarding(['--forward-allow', target]);
    const { port } = await tunnel(address, ['-L', `0:${target}`]);
    const answers = Array.from({ length: 50 }, (_, index) => textOf(connecting(port).end(`question ${index}`)));
    expect(await Promise.all(answers)).toEqual(answers.map((_, index) => `QUESTION ${index}`));
  });

  test('the other way round: the server ends first, and the client goes on', async () => {
    let heard = '';
    let done = (): void => undefined;
    const over = new Promise<void>((resolve) => (done = resolve));
    const target = `127.0.0.1:${await serving((socket) => {
      socket.end('greeting');
      socket.on('data', (chunk) => (heard += String(chunk))).on('end', done);
    })}`;
    const { address } = await forwarding(['--forward-allow', target]);
    const { port } = await tunnel(address, ['-L', `0:${target}`]);
    const socket = connecting(port);
    expect(await textOf(socket)).toBe('greeting');
    await once(socket.end('still here'), 'finish');
    await over;
    expect(heard).toBe('still here');
  });

  test('a reset at one end is a reset at the other', async () => {
    const target = `127.0.0.1:${await serving((socket) => socket.once('data', () => socket.resetAndDestroy()))}`;
    const { address } = await forwarding(['--forward-allow', target]);
    const { port } = await tunnel(address, ['-L', `0:${target}`]);
    const socket = connecting(port);
    socket.write('x');
    const [error] = (await once(socket.removeAllListeners('error'), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });

  test('a reader that stops bounds what is under way, and 64 MB arrive when it goes on', async () => {
    const chunk = Buffer.alloc(1024 * 1024);
    let written = 0;
    const target = `127.0.0.1:${await serving((socket) => {
      const more = (): void => {
        while (written < 64 * chunk.length) {
          written += chunk.length;
          if (!socket.write(chunk)) return void socket.once('drain', more);
        }
        socket.end();
      };
      more();
    })}`;
    const { address } = await forwarding(['--forward-allow', target]);
    const { port } = await tunnel(address, ['-L', `0:${target}`]);
    const socket = connecting(port);
    await once(socket.pause(), 'connect');
    let before = -1;
    while (before !== written) {
      before = written;
      await pause(700);
    }
    // What kernels buffer at two connections, and the window of a stream.
    expect(written).toBeLessThan(40 * chunk.length);
    let came = 0;
    for await (const piece of socket) came += (piece as Buffer).length;
    expect(came).toBe(64 * chunk.length);
  });
});

test('a UDP port here leads to one there, and the answers back to whoever asked', async () => {
  const bound = async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    datagramSockets.push(socket);
    await once(socket, 'listening');
    return socket;
  };
  const there = await bound();
  there.on('message', (data, { port, address }) => there.send(String(data).toUpperCase(), port, address));
  const target = `127.0.0.1:${there.address().port}`;
  const { address } = await forwarding(['--forward-allow-udp', target]);
  const { port } = await tunnel(address, ['-U', `0:${target}`]);
  const answers = ['one', 'other'].map(async (text) => {
    const socket = await bound();
    socket.send(text, port, '127.0.0.1');
    const [answer] = (await once(socket, 'message')) as [Buffer];
    return String(answer);
  });
  expect(await Promise.all(answers)).toEqual(['ONE', 'OTHER']);
});

describe('what a server allows', () => {
  test('where its list does not lead, nobody is connected, and everybody is told', async () => {
    let reached = 0;
    const port = await serving(() => (reached += 1));
    const { address } = await forwarding(['--forward-allow', '127.0.0.1:1']);
    const run = await harness.run(['tunnel', address, '--stdio', `127.0.0.1:${port}`]);
    expect(run).toMatchObject({ status: 3, stdout: '' });
    expect(run.stderr).toMatch(/^kwik: 127\.0\.0\.1:\d+: the server does not connect to .* not on its list/u);
    const { port: local, process } = await tunnel(address, ['-L', `0:127.0.0.1:${port}`]);
    await closed(connecting(local));
    await process.printed(/not on its list/u);
    expect(reached).toBe(0);
  });

  test('a server of files forwards nowhere, and one that forwards serves no files', async () => {
    await harness.makeFile('files/a', 10);
    const files = await harness.serve('files');
    const run = await harness.run(['tunnel', files.address, '--stdio', '127.0.0.1:1']);
    expect(run).toMatchObject({ status: 3, stderr: expect.stringMatching(/it forwards nowhere/u) });
    const { address } = await forwarding(['--forward-allow', '127.0.0.1:1']);
    expect(await harness.run(['get', `kwik://${address}/a`])).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/serves no files/u),
    });
  });

  test('a target that refuses is said to, and the tunnel goes on', async () => {
    const nobody = await freePort();
    const { address } = await forwarding(['--forward-allow', `127.0.0.1:${nobody}`]);
    const { port, process } = await tunnel(address, ['-L', `0:127.0.0.1:${nobody}`]);
    for (let times = 0; times < 2; times += 1) await closed(connecting(port));
    await process.printed(new RegExp(`127.0.0.1:${nobody}: .*ECONNREFUSED`, 'u'));
  });

  test('a port of the server is listened on for who may, and only there', async () => {
    const target = `127.0.0.1:${await serving(upper)}`;
    const { address } = await forwarding(['--forward-listen', '127.0.0.1:0']);
    const refused = await harness.run(['tunnel', address, '-R', `0.0.0.0:0:${target}`]);
    expect(refused).toMatchObject({ status: 3, stderr: expect.stringMatching(/does not listen on 0\.0\.0\.0:0/u) });
    const { port, process } = await tunnel(address, ['-R', `0:${target}`]);
    expect(await textOf(connecting(port).end('from there'))).toBe('FROM THERE');
    process.kill('SIGTERM');
    expect((await process.ended).status).toBe(0);
    // With the tunnel the port is gone.
    let error: NodeJS.ErrnoException | undefined;
    for (let times = 0; error?.code !== 'ECONNREFUSED' && times < 50; times += 1) {
      const socket = connecting(port).once('error', (each) => (error = each));
      await Promise.race([closed(socket), pause(200)]);
      socket.destroy();
    }
    expect(error?.code).toBe('ECONNREFUSED');
  });
});

describe('the session of a tunnel', () => {
  test('ends when ssh hangs up on its ProxyCommand, and with it the connection at the server', async () => {
    let arrived = (_socket: Socket): void => undefined;
    const there = new Promise<Socket>((resolve) => (arrived = resolve));
    const target = `127.0.0.1:${await serving(arrived)}`;
    const { address } = await forwarding(['--forward-allow', target]);
    const process = harness.start(['tunnel', address, '--stdio', target]);
    const socket = await there;
    const gone = closed(socket.resume());
    process.kill('SIGHUP');
    expect((await process.ended).status).toBe(0);
    await gone;
  });

  test('is connected again when its server has been restarted, on the same port', async () => {
    const target = `127.0.0.1:${await serving(upper)}`;
    const first = await forwarding(['--forward-allow', target]);
    const { port, process } = await tunnel(first.address, ['-L', `0:${target}`]);
    expect(await textOf(connecting(port).end('before'))).toBe('BEFORE');
    first.process.kill('SIGTERM');
    await first.process.ended;
    await process.printed(/connecting again/u);
    await forwarding(['--forward-allow', target], first.address);
    // A connection that comes meanwhile waits for it.
    expect(await textOf(connecting(port).end('after'))).toBe('AFTER');
    process.kill('SIGINT');
    expect((await process.ended).status).toBe(0);
  });

  test('has its connections until they end when its server stops, as long as --drain says', async () => {
    const target = `127.0.0.1:${await serving((socket) => socket.pipe(socket))}`;
    const server = await forwarding(['--forward-allow', target, '--drain', '600']);
    const { port } = await tunnel(server.address, ['-L', `0:${target}`]);
    const socket = connecting(port);
    const say = async (text: string): Promise<string> => {
      socket.write(text);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      return answer.toString();
    };
    expect(await say('before')).toBe('before');
    server.process.kill('SIGTERM');
    await server.process.printed(/"event":"stopping","seconds":600/u);
    // Longer than a server that stops waits for anything else.
    for (let times = 0; times < 4; times += 1) {
      await pause(1000);
      expect(await say(`after ${times}`)).toBe(`after ${times}`);
    }
    const gone = closed(socket);
    socket.end();
    await gone;
    expect(await server.process.ended).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('"event":"stopped","signal":"SIGTERM"'),
    });
  });

  test('takes new connections to the standby of a server that stops, while an old one is open there', async () => {
    const target = `127.0.0.1:${await serving((socket) => socket.pipe(socket))}`;
    const key = harness.path('fleet.key');
    await harness.run(['fleet', 'key', key]);
    const fleet = ['--forward-allow', target, '--fleet-key', key];
    const standby = await forwarding(fleet);
    const server = await forwarding([...fleet, '--standby', standby.address, '--drain', '600']);
    await server.process.printed(/"event":"standby","server":"127.0.0.1:\d+","answers":true/u);
    const { port, process } = await tunnel(server.address, ['-L', `0:${target}`]);
    const old = connecting(port);
    const say = async (socket: Socket, text: string): Promise<string> => {
      socket.write(text);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      return answer.toString();
    };
    expect(await say(old, 'before')).toBe('before');
    server.process.kill('SIGTERM');
    await process.printed(new RegExp(`new connections go through ${standby.address}, the others stay`, 'u'));
    const fresh = connecting(port);
    expect(await say(fresh, 'new')).toBe('new');
    await standby.process.printed(/"event":"session-opened","session":"\w+","role":"primary"\}/u);
    expect(await say(old, 'after')).toBe('after');
    const gone = closed(old);
    old.end();
    await gone;
    // The tunnel held nothing else there.
    expect(await server.process.ended).toMatchObject({ status: 0 });
    expect(await say(fresh, 'still')).toBe('still');
    const over = closed(fresh);
    fresh.end();
    await over;
    await standby.process.printed(/"event":"served".*"op":"connect"/u);
  });

  test('its events are JSON, one object per line, for programs', async () => {
    const target = `127.0.0.1:${await freePort()}`;
    const { address } = await forwarding(['--forward-allow', target, '--forward-listen', '127.0.0.1:0']);
    const process = harness.start(['tunnel', address, '-L', `0:${target}`, '-R', `0:${target}`, '--json']);
    const [line, there = ''] = await process.printed(/^\{"event":"listening-there","address":"([^"]+)".*$/mu);
    expect(JSON.parse(line)).toEqual({ event: 'listening-there', address: there, target });
    const [here, port = ''] = await process.printed(/^\{"event":"listening","address":"127\.0\.0\.1:(\d+)".*$/mu);
    expect(JSON.parse(here)).toMatchObject({ event: 'listening', for: target });
    await closed(connecting(Number(port)));
    await process.printed(/^\{"event":"notice","message":"[^"]*ECONNREFUSED[^"]*"\}$/mu);
  });

  test('a server that is not there ends it at once: 4', async () => {
    const { status, stderr } = await harness.run(['tunnel', '127.0.0.1:1', '--socks5', '0']);
    expect({ status, stderr }).toEqual({ status: 4, stderr: expect.stringMatching(/^kwik: no connection to 127/u) });
  });

  test('wrong usage: 2, and what to give', async () => {
    const wrong: [string[], RegExp][] = [
      [[], /nothing to carry/u],
      [['-L', '80'], /'80' is not \[BIND:\]PORT:HOST:HOSTPORT/u],
      [['--stdio', 'a:1', '--socks5', '0'], /--stdio goes with nothing else/u],
      [['--stdio', 'a:1', '--json'], /--stdio takes standard output/u],
    ];
    for (const [args, message] of wrong) {
      const { status, stderr } = await harness.run(['tunnel', '127.0.0.1:1', ...args]);
      expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(message) });
    }
  });
});
