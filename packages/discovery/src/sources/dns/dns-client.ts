import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import { connect, isIP, isIPv6 } from 'node:net';
import { KwikError, optionRules, type Clock } from '@kwik/wire';
import { encode, RECURSION_DESIRED, type Answer, type Packet, type Question } from 'dns-packet';
import { readMessage } from './dns-message.js';

const TRIES = 2;
const TIMEOUT_MS = 2000;
const DNS_PORT = 53;
/** What passes nearly everywhere unfragmented (DNS flag day 2020). */
const UDP_BYTES = 1232;
const TCP_BYTES = 65_535;
const RCODES_OF_NOTHING = ['NOERROR', 'NXDOMAIN'];

export interface DnsOptions {
  /** `address`, `address:port` or `[IPv6]:port` of the resolvers, asked in turn. Default: those of the system. */
  readonly servers?: readonly string[];
  /** For one attempt, milliseconds. Default: 2,000. */
  readonly timeoutMs?: number;
}

/** Rules of those who take them among others of their own. */
export const DNS_RULES = {
  servers: optionRules.list(optionRules.text),
  timeoutMs: optionRules.positiveMilliseconds,
} satisfies Record<keyof DnsOptions, optionRules.OptionRule>;

/** A record as dns-packet reads it; `data` is bytes for types that it does not know. */
export interface DnsAnswer {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly data: unknown;
}

/**
 * Asks resolvers by UDP, and by TCP for what does not fit. Not `node:dns`, which says no time to live for SRV, PTR and TXT, and
 * fails on compressed targets in newer releases.
 */
export class DnsClient {
  readonly #servers: readonly Server[];
  readonly #timeoutMs: number;
  readonly #clock: Clock;

  /** Throws ERR_KWIK_INVALID_ARGUMENT for a server that is no address. */
  constructor({ servers = getServers(), timeoutMs = TIMEOUT_MS }: DnsOptions, clock: Clock) {
    this.#servers = servers.map(serverOf);
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    if (servers.length === 0) throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'no DNS server is known');
  }

  /**
   * The answers of this name and type; none when there are none. Rejects when no server answers, or all of them fail: that
   * is not the same as nothing.
   */
  async query(name: string, type: string, signal: AbortSignal): Promise<DnsAnswer[]> {
    let last: unknown;
    for (let attempt = 0; attempt < TRIES * this.#servers.length; attempt++) {
      const server = this.#servers[attempt % this.#servers.length]!;
      try {
        const answer = await this.#ask(server, name, type, signal);
        if (!RCODES_OF_NOTHING.includes(answer.rcode))
          throw new KwikError('ERR_KWIK_CONNECT_FAILED', `${server.host} answers ${answer.rcode}`);
        return answer.records;
      } catch (error) {
        if (signal.aborted) throw error;
        last = error;
      }
    }
    const why = last instanceof Error ? last.message : String(last);
    throw new KwikError('ERR_KWIK_TIMEOUT', `DNS does not answer for ${name} ${type}: ${why}`, { cause: last });
  }

  async #ask(server: Server, name: string, type: string, signal: AbortSignal): Promise<DnsReply> {
    const question = { name, type } as Question;
    const id = randomInt(0x10000);
    const query: Packet = {
      type: 'query',
      id,
      flags: RECURSION_DESIRED,
      questions: [question],
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: UDP_BYTES,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    };
    const exchange: Exchange = {
      server,
      query: encode(query),
      accepts: (message) => readAnswer(message, id, name, type),
      signal,
    };
    const first = await this.#overUdp(exchange);
    return first.truncated ? this.#overTcp(exchange) : first;
  }

  #overUdp({ server, query, accepts, signal }: Exchange): Promise<DnsReply> {
    return this.#within(signal, (done, failed) => {
      // A socket, and so a port, for each query: that and the id are what a forger must guess (RFC 5452).
      const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
      socket.on('error', failed);
      socket.on('message', (message) => {
        const answer = accepts(message);
        if (answer !== undefined) done(answer);
      });
      // A connected socket takes datagrams of this server only, and hears that nobody listens there.
      socket.connect(server.port, server.host, (error?: Error) => {
        if (error) failed(error);
        else socket.send(query);
      });
      return () => socket.close();
    });
  }

  #overTcp({ server, query, accepts, signal }: Exchange): Promise<DnsReply> {
    return this.#within(signal, (done, failed) => {
      const socket = connect(server.port, server.host);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(query.length);
      let received = Buffer.alloc(0);
      socket.on('error', failed);
      socket.on('end', () => failed(new Error('the server closed the connection')));
      socket.on('connect', () => socket.write(Buffer.concat([length, query])));
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
        const wanted = received.length < 2 ? TCP_BYTES : received.readUInt16BE(0) + 2;
        if (received.length < wanted) return;
        const answer = accepts(received.subarray(2, wanted));
        if (answer === undefined) failed(new Error('the server answers another question'));
        else done(answer);
      });
      return () => socket.destroy();
    });
  }

  #within<T>(
    signal: AbortSignal,
    begin: (done: (value: T) => void, failed: (error: unknown) => void) => () => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      // `begin` may end it before it has said how to stop.
      const work: { over: boolean; stop: () => void } = { over: false, stop: () => undefined };
      const end = (settle: () => void): void => {
        if (work.over) return;
        work.over = true;
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
        work.stop();
        settle();
      };
      const onAbort = () => end(() => reject(new KwikError('ERR_KWIK_ABORTED')));
      const timer = this.#clock.schedule(this.#timeoutMs, () =>
        end(() => reject(new Error(`no answer in ${this.#timeoutMs} ms`))),
      );
      signal.addEventListener('abort', onAbort);
      work.stop = begin(
        (value) => end(() => resolve(value)),
        (error) => end(() => reject(error instanceof Error ? error : new Error(String(error)))),
      );
      if (work.over) work.stop();
      else if (signal.aborted) onAbort();
    });
  }
}

/** A resolver. */
interface Server {
  readonly host: string;
  readonly port: number;
}

/** One question to one resolver. */
interface Exchange {
  readonly server: Server;
  readonly query: Buffer;
  /** Undefined for what is not the answer. */
  readonly accepts: (message: Buffer) => DnsReply | undefined;
  readonly signal: AbortSignal;
}

interface DnsReply {
  readonly rcode: string;
  readonly truncated: boolean;
  readonly records: DnsAnswer[];
}

/** Undefined for whatever is not the answer to this question. */
function readAnswer(message: Buffer, id: number, name: string, type: string): DnsReply | undefined {
  const packet = readMessage(message);
  const question = packet?.questions?.[0];
  if (packet?.type !== 'response' || packet.id !== id || question === undefined) return undefined;
  if (!sameName(question.name, name) || question.type !== type) return undefined;
  const { rcode = 'NOERROR', flag_tc: truncated = false } = packet as { rcode?: string; flag_tc?: boolean };
  const records = (packet.answers ?? []).filter((answer) => answer.type === type).map(plain);
  return { rcode, truncated, records };
}

function plain(answer: Answer): DnsAnswer {
  const { name, type, ttl = 0, data } = answer as { name: string; type: string; ttl?: number; data?: unknown };
  return { name, type, ttl, data };
}

/** Names have no case in DNS. */
export function sameName(one: string, other: string): boolean {
  return plainName(one) === plainName(other);
}

/** As names are compared: without the dot at the end, in lower case. */
export function plainName(name: string): string {
  return name.replace(/\.$/, '').toLowerCase();
}

function serverOf(text: string): Server {
  const match = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? /^([\d.]+)(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? text;
  if (isIP(host.replace(/%.*$/, '')) === 0) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `'${text}' is no address of a DNS server`);
  }
  return { host, port: Number(match?.[2] ?? DNS_PORT) };
}
