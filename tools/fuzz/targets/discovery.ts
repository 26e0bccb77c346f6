import { decodeSvcb, encodeSvcb, makeRecord } from '@kwik/discovery';
import { decode, encode, type Answer } from 'dns-packet';
import { recordOfText } from '../../../packages/discovery/src/core/records/text-record.js';
import { readServers, writeServer } from '../../../packages/discovery/src/sources/server-list-shape.js';
import { readMessage } from '../../../packages/discovery/src/sources/dns/dns-message.js';
import { HeardServers, SERVICE } from '../../../packages/discovery/src/sources/mdns/heard-servers.js';
import { knownAnswers, knows } from '../../../packages/discovery/src/sources/mdns/known-answers.js';
import { rule, type FuzzTarget } from '../target.js';

/** The value of an SVCB record of DNS. */
const svcbRecord: FuzzTarget = {
  name: 'svcb',
  shape: 'bytes',
  seeds: () => [
    encodeSvcb({ priority: 1, target: 'a.example', alpn: ['kwik'], port: 4433 }),
    encodeSvcb({ priority: 0, target: 'pool.example' }),
    Uint8Array.from(Buffer.from('000100000000020000', 'hex')),
    Uint8Array.from(Buffer.from('0001000004000800000001000000020006001020010db8000000000000000000000001', 'hex')),
  ],
  run(input) {
    const { ipv4, ipv6, target, priority } = decodeSvcb(input);
    rule(ipv4.length <= 16 && ipv6.length <= 16, 'more hints than a record may have');
    rule(target.length <= 255, 'a name longer than names are');
    return priority === 0 ? 'alias' : `service ${target === '' ? 'of its owner' : ''}`;
  },
};

/** A list of servers in JSON, as an HTTP API, a file or etcd says it; and as the strings of a TXT record. */
const serverList: FuzzTarget = {
  name: 'server-list',
  shape: 'bytes',
  seeds: () =>
    [
      `[${writeServer(makeRecord({ serverId: 'a', addresses: ['a.example:1'], attributes: { x: 'y' }, load: 0.5 }), 1000)}]`,
      '{"servers":[{"addresses":["[::1]:2"],"tags":["t"],"accepting":false}]}',
      '[{"__proto__":{"polluted":true},"addresses":["a:1"],"attributes":{"__proto__":"x"}}]',
      'id=a,cap=primary,load=250,draining=1,sig=x',
    ].map((text) => Uint8Array.from(Buffer.from(text))),
  run(input) {
    const text = Buffer.from(input).toString('utf8');
    if (!text.includes('{'))
      return `${makeRecord(recordOfText(text.split(','), 'a.example:1')).capabilities.length} capabilities`;
    const { servers, problems = [] } = readServers(text, 'a list');
    for (const { record } of servers) {
      rule(record.addresses.length > 0 && record.addresses.length <= 8, 'a record without addresses, or with many');
      rule(readServers(`[${writeServer(record)}]`, 'again').servers.length === 1, 'what was read cannot be read again');
    }
    rule(!('polluted' in {}), 'a prototype was reached');
    return `${servers.length} servers, ${problems.length} problems`;
  },
};

/** One packet of Ethernet, with the headers of IPv4 and UDP. */
const MAX_PACKET_BYTES = 1472;

/** A packet that anybody on the local network may send to all: what it makes known, and what is asked with that. */
const mdnsPacket: FuzzTarget = {
  name: 'mdns',
  shape: 'bytes',
  seeds: () => [
    packet([
      { name: SERVICE, type: 'PTR', ttl: 120, data: `a.${SERVICE}` },
      { name: `a.${SERVICE}`, type: 'SRV', ttl: 120, data: { target: 'a.local', port: 1, priority: 1, weight: 2 } },
      { name: `a.${SERVICE}`, type: 'TXT', ttl: 120, data: ['id=a', 'cap=primary', 'svc=kwik'] },
      { name: 'a.local', type: 'A', ttl: 120, data: '127.0.0.1' },
    ]),
    packet([
      { name: `b.${SERVICE}`, type: 'SRV', ttl: 0, data: { target: '', port: 0 } },
      { name: `b.${SERVICE}`, type: 'TXT', data: 'svc=kwik' },
    ]),
    Uint8Array.from(encode({ type: 'query', questions: [{ name: SERVICE, type: 'PTR' }], answers: [] })),
  ],
  run(input) {
    const heard = new HeardServers({ service: 'kwik', ignore: ['self'] });
    const said = readMessage(Buffer.from(input));
    if (said === undefined) return 'no DNS';
    const { answers = [], additionals = [] } = said;
    const changed = heard.take({ answers, additionals }, 0);
    const { servers } = heard.snapshot(0);
    for (const { record } of servers) {
      rule(record.addresses.length > 0 && record.addresses.length <= 8, 'a server without addresses, or with many');
    }
    const known = knownAnswers(SERVICE, heard.instances(), 0);
    const question = encode({ type: 'query', questions: [{ name: SERVICE, type: 'PTR' }], answers: known });
    rule(question.length <= MAX_PACKET_BYTES, 'a question that is no single packet');
    const again = decode(question).answers ?? [];
    rule(again.length === known.length, 'a question that is read otherwise than it was meant');
    for (const { instance } of heard.instances()) {
      const told = known.some((answer) => 'data' in answer && answer.data === instance);
      rule(!told || knows(again, SERVICE, instance, 1), 'a server that is asked for again');
    }
    return `${changed ? 'changed' : 'same'}, ${servers.length} servers, ${known.length} known`;
  },
};

function packet(answers: Answer[]): Uint8Array {
  return Uint8Array.from(encode({ type: 'response', answers }));
}

export const DISCOVERY_TARGETS: readonly FuzzTarget[] = [svcbRecord, serverList, mdnsPacket];
