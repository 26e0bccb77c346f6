import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { KwikError } from '@kwik/wire';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { formatHostPort } from '../../address.js';
import { socketPair } from '../../test-support/socket-pair.js';
import type { Greeting } from '../local-listener.js';
import type { RemoteConnection } from '../remote-connection.js';
import { HTTP_CONNECT } from './http-connect.js';
import { SOCKS5 } from './socks5.js';

const REMOTE = {} as RemoteConnection;
const NO_AUTHENTICATION = '050100';

let near: Socket;
let far: Socket;
/** Where was connected to. */
let asked: string[];
/** What the client has been told, hexadecimal. */
let told: string;

beforeEach(async () => {
  ({ near, far } = await socketPair());
  asked = [];
  told = '';
  near.on('data', (chunk: Buffer) => (told += chunk.toString('hex')));
});

afterEach(() => {
  near.destroy();
  far.destroy();
});

function greet(greeting: Greeting, failure?: KwikError): Promise<RemoteConnection | undefined> {
  return greeting.greet(far, (target) => {
    asked.push(formatHostPort(target));
    return failure === undefined ? Promise.resolve(REMOTE) : Promise.reject(failure);
  });
}

async function ended(): Promise<string> {
  while (!near.readableEnded && !near.destroyed) await turn();
  return told;
}

describe('SOCKS 5', () => {
  test.each([
    ['an address', '05010001' + '7f000001' + '0050', '127.0.0.1:80'],
    ['a name', '05010003' + '0b' + Buffer.from('example.org').toString('hex') + '01bb', 'example.org:443'],
    ['an address of IPv6', '05010004' + '0'.repeat(31) + '1' + '0050', '[::1]:80'],
  ])('%s', async (_what, request, target) => {
    const greeted = greet(SOCKS5);
    near.write(Buffer.from(NO_AUTHENTICATION + request, 'hex'));
    expect(await greeted).toBe(REMOTE);
    expect(asked).toEqual([target]);
    far.end();
    expect(await ended()).toBe('0500' + '05000001000000000000');
  });

  test('byte by byte, with what the client sends at once behind it', async () => {
    const greeted = greet(SOCKS5);
    const bytes = Buffer.from(`${NO_AUTHENTICATION}050100017f0000010050${Buffer.from('rest').toString('hex')}`, 'hex');
    for (const byte of bytes) {
      near.write(Uint8Array.of(byte));
      await turn();
    }
    await greeted;
    let rest = '';
    while (rest.length < 4) {
      rest += String((far.read() as Buffer | null) ?? '');
      await turn();
    }
    expect(rest).toBe('rest');
  });

  test.each([
    ['with a password only', '050102', '05ff'],
    ['another command', `${NO_AUTHENTICATION}050200017f0000010050`, '0500' + '05070001000000000000'],
    ['another kind of address', `${NO_AUTHENTICATION}0501000900`, '0500' + '05080001000000000000'],
    ['a name that is none', `${NO_AUTHENTICATION}0501000301200050`, '0500' + '05080001000000000000'],
    ['version 4', '0401005000000001', ''],
  ])('refuses %s', async (_what, request, answer) => {
    const greeted = greet(SOCKS5);
    near.end(Buffer.from(request, 'hex'));
    expect(await greeted).toBeUndefined();
    expect(await ended()).toBe(answer);
    expect(asked).toEqual([]);
  });

  test.each([
    ['ERR_KWIK_PERMISSION_DENIED', '02'],
    ['ERR_KWIK_SOURCE_FAILED', '05'],
  ] as const)('%s is said as %s', async (code, reply) => {
    const greeted = greet(SOCKS5, new KwikError(code));
    near.write(Buffer.from(`${NO_AUTHENTICATION}050100017f0000010050`, 'hex'));
    await expect(greeted).rejects.toMatchObject({ code });
    expect(await ended()).toBe(`0500` + `05${reply}0001000000000000`);
  });

  test('a client that ends too early, and one that says too much', async () => {
    const greeted = greet(SOCKS5);
    near.end(Buffer.from('05', 'hex'));
    await expect(greeted).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
  });
});

describe('CONNECT of HTTP', () => {
  const text = async (): Promise<string> => Buffer.from(await ended(), 'hex').toString();

  test('connects, and passes on what came behind', async () => {
    const greeted = greet(HTTP_CONNECT);
    near.write('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\nrest');
    expect(await greeted).toBe(REMOTE);
    expect(asked).toEqual(['example.org:443']);
    expect(String(far.read())).toBe('rest');
    far.end();
    expect(await text()).toBe('HTTP/1.1 200 Connection established\r\n\r\n');
  });

  test.each([
    ['GET http://example.org/ HTTP/1.1\r\n\r\n', '405 Method Not Allowed'],
    ['CONNECT example.org HTTP/1.1\r\n\r\n', '400 Bad Request'],
    ['CONNECT example.org:0 HTTP/1.1\r\n\r\n', '400 Bad Request'],
  ])('refuses %j', async (request, status) => {
    const greeted = greet(HTTP_CONNECT);
    near.write(request);
    expect(await greeted).toBeUndefined();
    expect(await text()).toContain(`HTTP/1.1 ${status}\r\n`);
  });

  test('says which servers are not allowed, and which cannot be reached', async () => {
    const greeted = greet(HTTP_CONNECT, new KwikError('ERR_KWIK_PERMISSION_DENIED'));
    near.write('CONNECT example.org:443 HTTP/1.1\r\n\r\n');
    await expect(greeted).rejects.toMatchObject({ code: 'ERR_KWIK_PERMISSION_DENIED' });
    expect(await text()).toContain('HTTP/1.1 403 Forbidden');
  });

  test('a head without end is refused', async () => {
    const greeted = greet(HTTP_CONNECT);
    near.write('CONNECT '.padEnd(100_000, 'x'));
    await expect(greeted).rejects.toMatchObject({ code: 'ERR_KWIK_LIMIT_EXCEEDED' });
  });
});
