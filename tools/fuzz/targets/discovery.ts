import { decodeSvcb, encodeSvcb, makeRecord } from '@kwik/discovery';
import { recordOfText } from '../../../packages/discovery/src/core/records/text-record.js';
import { readServers, writeServer } from '../../../packages/discovery/src/sources/server-list-shape.js';
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

export const DISCOVERY_TARGETS: readonly FuzzTarget[] = [svcbRecord, serverList];
