import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { dnsmasqPlan, missingPrograms, startRealServer } from '@kwik/testbed/programs';
import type { DiscoverySnapshot } from '@kwik/wire';
import { decode, encode, type Answer, type Packet } from 'dns-packet';
import { dnsSd, dnsSdZone, encodeSvcb, makeRecord, svcb, type DiscoverySource } from '../src/index.js';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function first(source: DiscoverySource): Promise<DiscoverySnapshot> {
  const controller = new AbortController();
  for await (const snapshot of source.watch(controller.signal)) {
    controller.abort();
    return snapshot;
  }
  throw new Error('the source said nothing');
}

/** A DNS server that answers with what `reply` gives: packets, or bytes. */
async function server(
  reply: (query: Packet) => Packet | Buffer | undefined,
  tcp?: (query: Packet) => Packet,
): Promise<string> {
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    const answer = reply(decode(message));
    if (answer !== undefined) socket.send(Buffer.isBuffer(answer) ? answer : encode(answer), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closers.push(() => socket.close());
  const { port } = socket.address();
  if (tcp !== undefined) {
    const stream = createServer((connection) => {
      connection.on('data', (data: Buffer) => {
        const bytes = encode(tcp(decode(data.subarray(2))));
        const length = Buffer.alloc(2);
        length.writeUInt16BE(bytes.length);
        // In two pieces, as networks do.
        connection.write(Buffer.concat([length, bytes.subarray(0, 3)]));
        connection.end(bytes.subarray(3));
      });
    });
    stream.listen(port, '127.0.0.1');
    await once(stream, 'listening');
    closers.push(() => stream.close());
  }
  return `127.0.0.1:${port}`;
}

const answered = (query: Packet, answers: Answer[], flags = 0): Packet => ({
  type: 'response',
  id: query.id ?? 0,
  flags,
  questions: query.questions ?? [],
  answers,
});

function zone(query: Packet): Answer[] {
  const { name, type } = query.questions![0]!;
  const all: Answer[] = [
    { name: '_kwik._udp.files.test', type: 'PTR', ttl: 60, data: 'one._kwik._udp.files.test' },
    { name: '_kwik._udp.files.test', type: 'PTR', ttl: 60, data: 'two._kwik._udp.files.test' },
    {
      name: 'one._kwik._udp.files.test',
      type: 'SRV',
      ttl: 30,
      data: { target: 'one.files.test', port: 4433, priority: 0, weight: 5 },
    },
    {
      name: 'one._kwik._udp.files.test',
      type: 'TXT',
      ttl: 90,
      data: ['id=one', 'cap=primary,replica', 'region=eu', 'load=250', 'note=x'],
    },
    {
      name: 'two._kwik._udp.files.test',
      type: 'SRV',
      ttl: 30,
      data: { target: 'two.files.test', port: 4434, priority: 1, weight: 0 },
    },
  ];
  return all.filter((answer) => answer.name === name && answer.type === type);
}

describe('DNS-SD', () => {
  test('PTR, SRV and TXT make a server, with the shortest time to live', async () => {
    const servers = [await server((query) => answered(query, zone(query)))];
    const { servers: found } = await first(dnsSd({ domain: 'files.test', servers }));
    expect(found).toMatchObject([
      {
        record: {
          serverId: 'one',
          addresses: ['one.files.test:4433'],
          capabilities: ['primary', 'replica'],
          region: 'eu',
          weight: 5,
          load: 0.25,
        },
        ttlMs: 40_000,
      },
      { record: { serverId: '', addresses: ['two.files.test:4434'], weight: 1, priority: 1 } },
    ]);
    expect(found[0]?.record.attributes.get('note')).toBe('x');
  });

  test('a name that points to itself, forward or in a circle is no answer, and costs no time', async () => {
    const looped = (query: Packet, pointers: readonly number[]): Buffer => {
      const bytes = encode(answered(query, []));
      const name = Buffer.from(pointers.flatMap((to) => [0xc0 | (to >> 8), to & 0xff]));
      // TYPE PTR, CLASS IN, TTL, a length, and as the name that it points to a pointer again.
      const rest = Buffer.from([0, 12, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, bytes.length & 0xff]);
      bytes.writeUInt16BE(1, 6);
      return Buffer.concat([bytes, name, rest]);
    };
    let asked = 0;
    const servers = [
      await server((query) => {
        const at = encode(answered(query, [])).length;
        const circles = [[at], [at + 2, at]];
        return looped(query, circles[asked++ % circles.length] ?? []);
      }),
    ];
    await expect(first(dnsSd({ domain: 'files.test', servers, timeoutMs: 50 }))).rejects.toMatchObject({
      code: 'ERR_KWIK_TIMEOUT',
    });
    expect(asked).toBeGreaterThan(1);
  });

  test('an answer that does not fit is asked for again by TCP', async () => {
    const TRUNCATED = 1 << 9;
    const servers = [
      await server(
        (query) => answered(query, [], TRUNCATED),
        (query) => answered(query, zone(query)),
      ),
    ];
    expect((await first(dnsSd({ domain: 'files.test', servers }))).servers).toHaveLength(2);
  });

  test('no records are no servers; a server that fails, or is silent, is a failure', async () => {
    const nothing = [await server((query) => answered(query, []))];
    expect((await first(dnsSd({ domain: 'files.test', servers: nothing }))).servers).toEqual([]);
    const SERVFAIL = 2;
    const failing = [await server((query) => answered(query, [], SERVFAIL))];
    await expect(first(dnsSd({ domain: 'files.test', servers: failing }))).rejects.toThrow(/answers SERVFAIL/);
    const silent = [await server(() => undefined)];
    await expect(first(dnsSd({ domain: 'files.test', servers: silent, timeoutMs: 50 }))).rejects.toMatchObject({
      code: 'ERR_KWIK_TIMEOUT',
    });
  });

  test('forged and broken answers are passed over: another id, another question, cut off, nonsense', async () => {
    const forged: Answer[] = [
      { name: '_kwik._udp.files.test', type: 'PTR', ttl: 60, data: 'evil._kwik._udp.files.test' },
    ];
    for (const bad of [
      (query: Packet) => ({ ...answered(query, forged), id: (query.id! + 1) % 65_536 }),
      (query: Packet) => ({ ...answered(query, forged), questions: [{ name: 'other.test', type: 'PTR' as const }] }),
      (query: Packet) => encode(answered(query, forged)).subarray(0, -9),
      () => Buffer.from('not dns at all'),
      () => Buffer.alloc(0),
    ]) {
      const servers = [await server(bad)];
      await expect(first(dnsSd({ domain: 'files.test', servers, timeoutMs: 60 }))).rejects.toMatchObject({
        code: 'ERR_KWIK_TIMEOUT',
      });
    }
  });

  test('instances without end are bounded, and a wrong one does not spoil the others', async () => {
    const servers = [
      await server(
        (query) => (query.questions![0]!.type === 'PTR' ? answered(query, [], 1 << 9) : answered(query, one(query))),
        (query) =>
          answered(
            query,
            Array.from({ length: 1200 }, (_, n) => ({
              name: '_kwik._udp.x.test',
              type: 'PTR',
              ttl: 9,
              data: `s${n}.x.test`,
            })),
          ),
      ),
    ];
    const one = (query: Packet): Answer[] =>
      query.questions![0]!.type === 'SRV'
        ? [
            {
              name: query.questions![0]!.name,
              type: 'SRV',
              ttl: 9,
              data: { target: 'h.test', port: query.questions![0]!.name === 's3.x.test' ? 0 : 1 },
            },
          ]
        : [];
    const { servers: found, problems = [] } = await first(dnsSd({ domain: 'x.test', servers }));
    expect(found).toHaveLength(1023);
    expect(problems.join()).toMatch(/176 instances beyond 1024.*s3.x.test: 'h.test:0' is not an address/s);
  });

  test('a server that is no address is refused', () => {
    expect(() => dnsSd({ domain: 'x', servers: ['dns.example'] })).toThrow(/no address of a DNS server/);
  });
});

describe('SVCB', () => {
  test('aliases are followed, priorities and ports read; what is for others or not understood is left out', async () => {
    const records: Record<string, Uint8Array[]> = {
      '_kwik.files.test': [encodeSvcb({ priority: 0, target: 'pool.test' })],
      'pool.test': [
        encodeSvcb({ priority: 1, target: 'a.test', alpn: ['kwik'], port: 4440 }),
        encodeSvcb({ priority: 2, target: '' }),
        encodeSvcb({ priority: 1, target: 'web.test', alpn: ['h3'] }),
        Buffer.from('nonsense'),
      ],
    };
    const servers = [
      await server((query) => {
        const { name } = query.questions![0]!;
        const answers = (records[name] ?? []).map((data) => ({
          name,
          type: 'UNKNOWN_64',
          ttl: 300,
          data: Buffer.from(data),
        }));
        return answered(query, answers as unknown as Answer[]);
      }),
    ];
    const { servers: found, problems = [] } = await first(svcb({ domain: 'files.test', servers }));
    expect(found.map(({ record: { addresses, priority } }) => [addresses[0], priority])).toEqual([
      ['a.test:4440', 1],
      ['pool.test:4433', 2],
    ]);
    expect(problems).toHaveLength(2);
  });

  test('aliases in a circle end', async () => {
    const servers = [
      await server((query) => {
        const { name } = query.questions![0]!;
        const data = Buffer.from(encodeSvcb({ priority: 0, target: 'round.test' }));
        return answered(query, [{ name, type: 'UNKNOWN_64', ttl: 1, data } as unknown as Answer]);
      }),
    ];
    expect(await first(svcb({ domain: 'x.test', servers }))).toEqual({
      servers: [],
      problems: ['_kwik.x.test: more than 4 aliases'],
    });
  });
});

const ZONE = [
  'ptr-record=_kwik._udp.films.test,one._kwik._udp.films.test',
  'srv-host=one._kwik._udp.films.test,one.films.test,4433,0,7',
  'txt-record=one._kwik._udp.films.test,id=one,region=eu',
  'local-ttl=20',
  'auth-ttl=20',
];

// eslint-disable-next-line no-restricted-syntax -- the program of Debian may be missing; then it is skipped by name
const testWithDnsmasq = missingPrograms(dnsmasqPlan([])).length > 0 ? test.skip : test;

testWithDnsmasq('a real dnsmasq: DNS-SD with its times to live', async () => {
  const { port, stop } = await startRealServer(dnsmasqPlan(ZONE));
  closers.push(stop);
  const { servers } = await first(dnsSd({ domain: 'films.test', servers: [`127.0.0.1:${port}`] }));
  expect(servers).toMatchObject([
    { record: { serverId: 'one', addresses: ['one.films.test:4433'], region: 'eu', weight: 7 } },
  ]);
});

describe('what belongs into a zone', () => {
  test('PTR, SRV and TXT, and the address of a host that has no name', () => {
    const record = makeRecord({
      serverId: 'One "1"',
      addresses: ['one.example:4433', '192.0.2.1:4434', '[2001:db8::1]:4433'],
      attributes: { note: 'back\\slash' },
    });
    expect(dnsSdZone(record, 'films.test.', 20)).toEqual([
      '_kwik._udp.films.test. 20 IN PTR One--1-._kwik._udp.films.test.',
      'One--1-._kwik._udp.films.test. 20 IN SRV 0 1 4433 one.example.',
      'One--1-._kwik._udp.films.test. 20 IN SRV 0 1 4434 One--1--2.films.test.',
      'One--1--2.films.test. 20 IN A 192.0.2.1',
      'One--1-._kwik._udp.films.test. 20 IN SRV 0 1 4433 One--1--3.films.test.',
      'One--1--3.films.test. 20 IN AAAA 2001:db8::1',
      'One--1-._kwik._udp.films.test. 20 IN TXT "txtvers=1" "id=One \\"1\\"" "cap=primary" "weight=1" "note=back\\\\slash"',
    ]);
  });

  test('a text that is too long for DNS is refused', () => {
    const long = makeRecord({ addresses: ['a:1'], attributes: { a: 'x'.repeat(254) } });
    expect(() => dnsSdZone(long, 'films.test')).toThrow(/too long for a TXT record/);
  });
});
