import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ProcessResources } from '../endpoint/process-resources.js';
import { SocketResources } from '../socket/socket-resources.js';
import { loadSystemCalls, type SystemCalls } from '../socket/system-calls.js';

/** Networks in a row, each with a link to the next: two ends, and two routers between them. */
const PLACES = ['client', 'near', 'far', 'server'] as const;
type Place = (typeof PLACES)[number];
const VERSIONS = [4, 6] as const;
const PREFIX_BITS = { 4: 24, 6: 64 };

/** Why no network namespaces can be made here; undefined where they can. */
export function namespacesMissing(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  if (loadSystemCalls() === undefined) return 'there are no system calls without koffi';
  const name = `kwik-quic-${process.pid}-probe`;
  try {
    ip('netns', 'add', name);
    ip('netns', 'del', name);
    return undefined;
  } catch {
    return 'network namespaces cannot be made';
  }
}

/**
 * A client and a server with two routers between them, in network namespaces of the kernel, whose sockets belong to this
 * process. Links are of 1500 bytes; a router says so when a packet does not fit the next one.
 */
export class RoutedNetwork implements Disposable {
  private readonly prefix = `kwik-quic-${process.pid}-${process.hrtime.bigint().toString(36)}`;
  private readonly opened: number[] = [];

  private constructor() {
    try {
      for (const place of PLACES) this.add(place);
      for (let hop = 0; hop + 1 < PLACES.length; hop += 1) this.link(hop);
      for (const [at, place] of PLACES.entries()) this.setUp(at, place);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  static create(): RoutedNetwork {
    return new RoutedNetwork();
  }

  address(place: 'client' | 'server', version: 4 | 6): string {
    const [subnet, host] = place === 'client' ? [0, 1] : [PLACES.length - 2, 2];
    return addressOf(version, subnet, host);
  }

  /** Between the routers. */
  setMiddleMtu(bytes: number): void {
    this.setMtu('near', 1, bytes);
    this.setMtu('far', 1, bytes);
  }

  /** Of the interface of an end. */
  setOwnMtu(place: 'client' | 'server', bytes: number): void {
    this.setMtu(place, place === 'client' ? 0 : PLACES.length - 2, bytes);
  }

  /** What endpoints have whose sockets are there. */
  resourcesAt(place: 'client' | 'server'): ProcessResources {
    const sockets = new SocketResources(() => this.callsAt(place));
    return Object.assign(new ProcessResources(), { sockets });
  }

  /** Packets that were cut into fragments anywhere on the way. */
  fragments(): number {
    let count = 0;
    for (const place of PLACES) {
      const text = ip('netns', 'exec', this.name(place), 'cat', '/proc/net/snmp', '/proc/net/snmp6');
      // IPv4 has a line of names and one of numbers.
      const [names = [], numbers = []] = text
        .split('\n')
        .filter((line) => line.startsWith('Ip:'))
        .map((line) => line.split(' '));
      count += Number(numbers[names.indexOf('FragCreates')]) + Number(/Ip6FragCreates\s+(\d+)/u.exec(text)?.[1]);
    }
    return count;
  }

  [Symbol.dispose](): void {
    for (const fd of this.opened) closeSync(fd);
    for (const place of PLACES) {
      try {
        ip('netns', 'del', this.name(place));
      } catch {
        // It was not made.
      }
    }
  }

  private name(place: Place): string {
    return `${this.prefix}-${place}`;
  }

  private add(place: Place): void {
    ip('netns', 'add', this.name(place));
    if (place === 'client' || place === 'server') return;
    const forwarding = ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'].map((key) => `echo 1 > /proc/sys/net/${key}`);
    ip('netns', 'exec', this.name(place), 'sh', '-c', forwarding.join(' && '));
  }

  private link(hop: number): void {
    const [left, right] = [PLACES[hop]!, PLACES[hop + 1]!];
    const peer = ['type', 'veth', 'peer', 'name', `hop${hop}`, 'netns', this.name(right)];
    ip('-n', this.name(left), 'link', 'add', `hop${hop}`, ...peer);
  }

  /** Addresses, and routes: to the left for what is there, to the right for all else. */
  private setUp(at: number, place: Place): void {
    const lines = ['link set lo up'];
    const isLast = at + 1 === PLACES.length;
    for (const hop of [at - 1, at]) {
      if (hop < 0 || hop + 1 === PLACES.length) continue;
      for (const version of VERSIONS) {
        const address = `${addressOf(version, hop, hop === at ? 1 : 2)}/${PREFIX_BITS[version]}`;
        lines.push(`address add ${address} dev hop${hop}${version === 6 ? ' nodad' : ''}`);
      }
      lines.push(`link set hop${hop} up`);
    }
    for (const version of VERSIONS) {
      const left = addressOf(version, at - 1, 1);
      lines.push(`route add default via ${isLast ? left : addressOf(version, at, 2)}`);
      for (let subnet = 0; subnet < at - 1 && !isLast; subnet += 1) {
        lines.push(`route add ${addressOf(version, subnet, 0)}/${PREFIX_BITS[version]} via ${left}`);
      }
    }
    execFileSync('ip', ['-n', this.name(place), '-batch', '-'], { input: lines.join('\n') });
  }

  private setMtu(place: Place, hop: number, bytes: number): void {
    ip('-n', this.name(place), 'link', 'set', `hop${hop}`, 'mtu', String(bytes));
  }

  /** A socket stays in the namespace that its thread was in when it was made. */
  private callsAt(place: Place): SystemCalls {
    const real = loadSystemCalls()!;
    const own = openSync('/proc/thread-self/ns/net', 'r');
    const there = openSync(`/var/run/netns/${this.name(place)}`, 'r');
    this.opened.push(own, there);
    return {
      ...real,
      socket: (domain, type, protocol) => {
        enter(there);
        try {
          return real.socket(domain, type, protocol);
        } finally {
          enter(own);
        }
      },
    };
  }
}

const koffi = createRequire(import.meta.url)('koffi') as {
  load(library: null): { func(signature: string): (...args: unknown[]) => number };
};
const setns = koffi.load(null).func('int setns(int, int)');

function enter(namespace: number): void {
  if (setns(namespace, 0) !== 0) throw new Error('the namespace cannot be entered');
}

function addressOf(version: 4 | 6, subnet: number, host: number): string {
  return version === 4 ? `10.79.${subnet}.${host}` : `fd79:${subnet}::${host === 0 ? '' : host}`;
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
