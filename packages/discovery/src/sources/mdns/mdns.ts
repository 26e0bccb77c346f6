import { createSocket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { hostname } from 'node:os';
import { checkArgument, checkOptions, KwikError, optionRules, type Clock, type ServerRecord } from '@kwik/wire';
import type { Answer } from 'dns-packet';
import makeMdns, { type MulticastDNS } from 'multicast-dns';
import { splitAddress } from '../../core/records/address.js';
import { aRecord } from '../../core/records/server-record.js';
import { textOfRecord } from '../../core/records/text-record.js';
import type { RecordSigner } from '../../signing/record-signer.js';
import { systemClock } from '../system-clock.js';
import { report, type Announcement } from '../announcement.js';
import type { DiscoverySource } from '../discovery-source.js';
import { sameName } from '../dns/dns-client.js';
import { delay } from '../waiting.js';
import { defaultInterface } from './default-interface.js';
import { HeardServers, SERVICE, TTL_S } from './heard-servers.js';
import { knownAnswers, knows } from './known-answers.js';
import { PacedAnswers } from './paced-answers.js';
import { plausibleOnly } from './plausible-only.js';

/** Questions: at once, after a second, then every twenty (RFC 6762, 5.2: waits that grow). */
const ASK_AFTER_MS = [0, 1000, 3000] as const;
const ASK_EVERY_MS = 20_000;
const TELL_AFTER_MS = 50;
/** What has changed is announced at once, and again after this. */
const AGAIN_AFTER_MS = [1000] as const;

export interface MdnsOptions {
  /** Servers of other services are left alone. */
  readonly service: string;
  /** IPv4 address of the interface. Default: the first that is not this machine's own; without one, or where the system does not tell, loopback. */
  readonly interface?: string;
  /** Server ids that are not wanted: one's own, for a server that announces itself. */
  readonly ignore?: readonly string[];
  /** Default: 5,353. */
  readonly port?: number;
  /** Default: `mdns`. */
  readonly name?: string;
  readonly clock?: Clock;
}

const { call, clock: aClock, group, list, objectWith, port: aPort, text } = optionRules;
const COMMON = { service: text, interface: text, ignore: list(text), port: aPort, name: text, clock: aClock };
const RULES = group<MdnsOptions>(COMMON, ['service']);
const ANNOUNCE_RULES = group<MdnsAnnounceOptions>({ ...COMMON, onFailure: call, signer: objectWith('sign') }, [
  'service',
]);

/**
 * Servers that announce themselves on the local network (RFC 6762, 6763). Whoever is on that network can announce anything.
 * Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong.
 */
export function mdns(options: MdnsOptions): DiscoverySource {
  checkOptions(options, { call: 'mdns', root: RULES });
  const { name = 'mdns', clock = systemClock() } = options;
  return {
    name,
    async *watch(signal) {
      const heard = new HeardServers(options);
      let changed = new AbortController();
      let failure: Error | undefined;
      const socket = open(options, (error) => {
        failure = error;
        changed.abort();
      });
      socket.on('response', (packet) => {
        if (heard.take(packet, clock.now())) changed.abort();
      });
      try {
        // The first snapshot comes with the first answer, or a second later: nobody takes silence for an empty network before.
        for (let asked = 0, dueMs = clock.now(); ; ) {
          // By the clock alone: what others send makes nobody ask.
          if (clock.now() >= dueMs) {
            const answers = knownAnswers(SERVICE, heard.instances(), clock.now());
            socket.query({ questions: [{ name: SERVICE, type: 'PTR' }], answers });
            dueMs = clock.now() + (ASK_AFTER_MS[++asked] ?? ASK_EVERY_MS);
          }
          await delay(clock, dueMs - clock.now(), AbortSignal.any([signal, changed.signal]));
          if (failure !== undefined) throw failure;
          await delay(clock, TELL_AFTER_MS, signal);
          if (signal.aborted) return;
          changed = new AbortController();
          yield heard.snapshot(clock.now());
        }
      } finally {
        socket.destroy();
      }
    },
  };
}

export interface MdnsAnnounceOptions extends MdnsOptions {
  readonly onFailure?: (error: unknown) => void;
  /** Signs what is told. */
  readonly signer?: RecordSigner;
}

/**
 * Announces a server on the local network, answers questions for it, and says goodbye when closed. Throws
 * ERR_KWIK_INVALID_ARGUMENT, which names what is wrong.
 */
export function announceByMdns(record: ServerRecord, options: MdnsAnnounceOptions): Announcement {
  checkArgument('announceByMdns', 'record', record, aRecord);
  checkOptions(options, { call: 'announceByMdns', root: ANNOUNCE_RULES });
  let current = record;
  const { onFailure, signer, clock = systemClock() } = options;
  const said = (): ServerRecord => signer?.sign(current) ?? current;
  const socket = open(options, (error) => report(onFailure, error));
  const closing = new AbortController();
  let told = (): void => undefined;
  const announced = new Promise<void>((resolve) => {
    told = resolve;
  });
  const tell = (ttl: number): void => {
    try {
      socket.respond({ answers: answersFor(said(), options, ttl) }, (error) => {
        if (error) report(onFailure, error);
        else told();
      });
    } catch (error) {
      report(onFailure, error);
    }
  };
  const answers = new PacedAnswers(clock, () => tell(TTL_S));
  socket.on('query', ({ questions = [], answers: known = [], authorities = [] }) => {
    const own = instanceOf(current);
    const named = questions.some(({ name }) => sameName(name, own));
    const meant = questions.some(({ name }) => sameName(name, SERVICE)) && !knows(known, SERVICE, own, TTL_S);
    // RFC 6762, 8.1: a probe says what it would take the name for.
    const probes = authorities.some(({ name }) => sameName(name, own));
    if (named || meant) answers.ask(probes ? 'probe' : 'anyone');
  });
  const announce = announcing(clock, closing.signal, () => answers.ask());
  announce(ASK_AFTER_MS);
  return {
    announced,
    update: (next) => {
      current = next;
      answers.ask();
      announce(AGAIN_AFTER_MS);
    },
    close: () =>
      new Promise((resolve) => {
        if (closing.signal.aborted) return resolve();
        closing.abort();
        answers.end();
        told();
        // RFC 6762, 10.1: a time to live of 0 is a goodbye.
        socket.respond({ answers: answersFor(said(), options, 0) }, () => socket.destroy(() => resolve()));
      }),
  };
}

/**
 * RFC 6762, 8.3 and 8.4: what is new or has changed is announced twice at least, a second apart, for one packet may be lost. What
 * this returns says it after each of the waits, in place of what is to be said yet.
 */
function announcing(clock: Clock, closed: AbortSignal, say: () => void): (waitsMs: readonly number[]) => void {
  let before = new AbortController();
  return (waitsMs) => {
    before.abort();
    before = new AbortController();
    const over = AbortSignal.any([closed, before.signal]);
    void (async () => {
      for (const waitMs of waitsMs) {
        await delay(clock, waitMs, over);
        if (over.aborted) return;
        say();
      }
    })();
  };
}

function open({ interface: given, port }: MdnsOptions, onError: (error: Error) => void): MulticastDNS {
  const socket = makeMdns({
    interface: given ?? defaultInterface(),
    // With the interface alone a socket hears nothing that is sent to the group.
    bind: '0.0.0.0',
    socket: plausibleOnly(createSocket({ type: 'udp4', reuseAddr: true })),
    ...(port !== undefined && { port }),
  });
  socket.on('error', (error: Error) =>
    onError(new KwikError('ERR_KWIK_CONNECT_FAILED', `mDNS: ${error.message}`, { cause: error })),
  );
  // Packets that nobody can read, and interfaces that have gone: nothing that a caller could do about.
  socket.on('warning', () => undefined);
  return socket;
}

function instanceOf({ serverId, addresses }: ServerRecord): string {
  const label = (serverId === '' ? (addresses[0] ?? 'server') : serverId).replace(/[^\w-]/g, '-').slice(0, 63);
  return `${label}.${SERVICE}`;
}

function answersFor(record: ServerRecord, { service, interface: given }: MdnsOptions, ttl: number): Answer[] {
  const instance = instanceOf(record);
  const { host, port } = splitAddress(record.addresses[0] ?? '') ?? { host: '', port: 0 };
  const unspecified = ['0.0.0.0', '::', 'localhost', ''].includes(host);
  const address = unspecified || !isIPv4(host) ? (given ?? defaultInterface()) : host;
  const target = `${hostname()
    .replace(/[^\w-]/g, '-')
    .slice(0, 63)}-${port}.local`;
  return [
    { name: SERVICE, type: 'PTR', ttl, data: instance },
    { name: instance, type: 'SRV', ttl, data: { target, port, priority: record.priority, weight: record.weight } },
    { name: instance, type: 'TXT', ttl, data: [...textOfRecord(record), `svc=${service}`] },
    { name: target, type: 'A', ttl, data: address },
  ];
}
