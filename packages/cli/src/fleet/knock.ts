import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import { parseHostPort } from '../address.js';

const TIMEOUT_MS = 2000;
/** A datagram may be lost. */
const AGAIN_MS = 500;
/** A server answers no smaller datagram from somebody it does not know (RFC 9000, section 14.1). */
const DATAGRAM_BYTES = 1200;
const ID_BYTES = 8;
/** Reserved, so that every server answers with the versions that it speaks (RFC 9000, section 15). */
const VERSION = 0x1a2a3a4a;
const LONG_HEADER = 0xc0;

/** How long a server took to answer a QUIC packet, milliseconds; undefined: it did not within two seconds. No session is opened. */
export async function knock(address: string): Promise<number | undefined> {
  const found = await resolve(address).catch(() => undefined);
  if (found === undefined) return undefined;
  const { resolved, port } = found;
  const [from, to] = [randomBytes(ID_BYTES), randomBytes(ID_BYTES)];
  const socket = createSocket(isIPv6(resolved.address) ? 'udp6' : 'udp4');
  let timer: NodeJS.Timeout | undefined;
  let again: NodeJS.Timeout | undefined;
  try {
    const startedMs = performance.now();
    const answered = new Promise<number | undefined>((resolve) => {
      socket.on('error', () => resolve(undefined));
      socket.on('message', (answer) => {
        if (isAnswer(answer, from, to)) resolve(performance.now() - startedMs);
      });
      timer = setTimeout(resolve, TIMEOUT_MS, undefined);
    });
    const send = (): void => socket.send(packet(from, to), port, resolved.address, () => undefined);
    send();
    again = setInterval(send, AGAIN_MS);
    return await answered;
  } finally {
    clearTimeout(timer);
    clearInterval(again);
    socket.close();
  }
}

/** Rejects also for what a server calls its address, and is none. */
async function resolve(address: string): Promise<{ readonly resolved: LookupAddress; readonly port: number }> {
  const { host, port } = parseHostPort(address);
  return { resolved: await lookup(host), port };
}

function packet(from: Uint8Array, to: Uint8Array): Buffer {
  const bytes = Buffer.alloc(DATAGRAM_BYTES);
  bytes[0] = LONG_HEADER;
  bytes.writeUInt32BE(VERSION, 1);
  bytes[5] = ID_BYTES;
  bytes.set(to, 6);
  bytes[6 + ID_BYTES] = ID_BYTES;
  bytes.set(from, 7 + ID_BYTES);
  return bytes;
}

/** Version negotiation, with our ids the other way round (RFC 9000, section 17.2.1). */
function isAnswer(answer: Buffer, from: Uint8Array, to: Uint8Array): boolean {
  const ids = Buffer.concat([Buffer.of(ID_BYTES), from, Buffer.of(ID_BYTES), to]);
  return (
    answer.length > 5 + ids.length && answer.readUInt32BE(1) === 0 && ids.equals(answer.subarray(5, 5 + ids.length))
  );
}
