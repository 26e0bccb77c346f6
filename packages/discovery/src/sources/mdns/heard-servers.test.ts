import { expect, test } from '@jest/globals';
import type { Answer } from 'dns-packet';
import { HeardServers, SERVICE } from './heard-servers.js';

const srv = (id: string, ttl = 120): Answer => ({
  name: `${id}.${SERVICE}`,
  type: 'SRV',
  ttl,
  data: { target: 'Host.local.', port: 7 },
});
const txt = (id: string): Answer => ({ name: `${id}.${SERVICE}`, type: 'TXT', ttl: 120, data: [`id=${id}`, 'svc=x'] });
const a = (data: string): Answer => ({ name: 'host.LOCAL', type: 'A', ttl: 120, data });
const addressesOf = (heard: HeardServers) => heard.snapshot(0).servers.map(({ record }) => record.addresses);

test('a server has the addresses of its host, each once, eight at the most, whatever the case of its name', () => {
  const heard = new HeardServers({ service: 'x' });
  const many = Array.from({ length: 20 }, (_, at) => a(`127.0.0.${at >> 1}`));
  expect(heard.take({ answers: [srv('one'), txt('one'), ...many], additionals: [] }, 0)).toBe(true);
  expect(addressesOf(heard)).toEqual([Array.from({ length: 8 }, (_, at) => `127.0.0.${at}:7`)]);
});

test('what is no address is none, and without any the name of the host stands', () => {
  const heard = new HeardServers({ service: 'x' });
  heard.take({ answers: [srv('one'), txt('one')], additionals: [a('no address'), a('::1')] }, 0);
  expect(addressesOf(heard)).toEqual([['Host.local.:7']]);
});

test('a goodbye, and the end of its time, let a server go; of another service none is known', () => {
  const heard = new HeardServers({ service: 'x', ignore: ['self'] });
  heard.take(
    { answers: [srv('one'), txt('one'), srv('two'), txt('two'), srv('self'), txt('self')], additionals: [] },
    0,
  );
  expect(heard.snapshot(0).servers).toHaveLength(2);
  expect(heard.take({ answers: [srv('one', 0)], additionals: [] }, 0)).toBe(true);
  expect(heard.take({ answers: [srv('one', 0)], additionals: [] }, 0)).toBe(false);
  expect(heard.snapshot(119_999).servers).toHaveLength(1);
  expect(heard.snapshot(120_000).servers).toHaveLength(0);
  expect(new HeardServers({ service: 'y' }).take({ answers: [srv('one'), txt('one')], additionals: [] }, 0)).toBe(
    false,
  );
});

test('a packet of many records costs no more than their number', () => {
  const heard = new HeardServers({ service: 'x' });
  let read = 0;
  const counted = (answer: Answer): Answer =>
    new Proxy(answer, {
      get: (target, member) => {
        if (member === 'name') read++;
        return Reflect.get(target, member) as unknown;
      },
    });
  const answers = Array.from({ length: 512 }, (_, at) => counted(at % 2 === 0 ? srv(`s${at}`) : txt(`s${at - 1}`)));
  heard.take({ answers, additionals: [] }, 0);
  expect(heard.snapshot(0).servers).toHaveLength(256);
  expect(read).toBeLessThan(512 * 8);
});
