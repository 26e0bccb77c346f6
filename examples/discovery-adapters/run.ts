import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDiscovery, type ServiceDirectory } from '@kwik/discovery';
import { consul } from './consul.js';
import { kubernetes } from './kubernetes.js';
import { standIn } from './stand-ins.js';

const SLICES = [
  {
    addressType: 'IPv4',
    ports: [{ name: 'kwik', port: 4433, protocol: 'UDP' }],
    endpoints: [
      { addresses: ['10.0.0.1'], conditions: { ready: true }, zone: 'eu-1', targetRef: { name: 'films-0' } },
      { addresses: ['10.0.0.2'], conditions: { ready: false, serving: true }, targetRef: { name: 'films-1' } },
      { addresses: ['10.0.0.3'], conditions: { ready: false, serving: false }, targetRef: { name: 'films-2' } },
    ],
  },
  {
    addressType: 'IPv6',
    ports: [{ name: 'kwik', port: 4433, protocol: 'UDP' }],
    endpoints: [{ addresses: ['2001:db8::1'], targetRef: { name: 'films-0' } }],
  },
  {
    addressType: 'IPv4',
    ports: [{ name: 'web', port: 80, protocol: 'TCP' }],
    endpoints: [{ addresses: ['10.0.0.9'] }],
  },
];

const instance = (id: string, address: string, tags: readonly string[]): object => ({
  Node: { Node: `node-of-${id}`, Address: '192.0.2.1', Datacenter: 'eu' },
  Service: { ID: id, Service: 'films', Address: address, Port: 4433, Tags: tags, Weights: { Passing: 2, Warning: 1 } },
  Checks: [{ Status: 'passing' }],
});

/** Both sources in one directory; what is found there, before and after a server comes in Consul. */
export async function run(): Promise<{ found: string[]; afterwards: string[]; asked: readonly string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'kwik-adapters-'));
  try {
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'token-of-the-pod\n');
    await using there = await standIn(SLICES);
    there.instances([instance('one', '', ['ssd'])]);
    using discovery = createDiscovery({
      sources: (service) => [
        consul({ url: there.url, service, token: 'token-of-consul' }),
        kubernetes({ url: there.url, namespace: 'media', service, tokenFile }),
      ],
    });
    const films = discovery.service('films');
    await untilKnown(films, 3);
    const found = shown(films);
    there.instances([instance('one', '', ['ssd']), instance('two', '192.0.2.2', [])]);
    await untilKnown(films, 4);
    return { found, afterwards: shown(films), asked: [...there.asked] };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function untilKnown(directory: ServiceDirectory, count: number): Promise<void> {
  while (directory.search({}, 100).length < count) {
    await new Promise<void>((resolve) => {
      const unlisten = directory.onChange(() => {
        unlisten();
        resolve();
      });
    });
  }
}

function shown(directory: ServiceDirectory): string[] {
  return directory
    .search({}, 100)
    .map(({ serverId, addresses, zone, region, weight, accepting }) =>
      [serverId, addresses.join(' '), region, zone, `weight ${weight}`, accepting ? '' : 'draining']
        .filter((part) => part !== '')
        .join(', '),
    )
    .sort();
}
