import { afterEach, describe, expect, test } from '@jest/globals';
import { systemClock, type Flow, type FlowOptions, type HostLookup } from '@kwik/quic';
import type { TransportAddress } from '@kwik/wire';
import { endpointForwarder } from './endpoint-forwarder.js';
import { resolveRelay } from './relay-config.js';
import { RelayServer, type RelayedClientPath } from './relay-server.js';

const REMOTE: TransportAddress = { address: '192.0.2.7', port: 7, family: 'IPv4' };

/** A socket that forwards nothing, and knows what it was asked for. */
class FakeEndpoint {
  readonly flows = new Set<Flow>();
  constructor(private readonly local: string) {}

  address(): TransportAddress {
    return { address: this.local, port: 1, family: this.local.includes(':') ? 'IPv6' : 'IPv4' };
  }

  forward(options: FlowOptions): Flow {
    const flow = { ...options, anchorIds: [] };
    this.flows.add(flow);
    return flow;
  }

  stopForwarding(flow: Flow): void {
    this.flows.delete(flow);
  }

  get anchors(): string[] {
    return [...this.flows].map(({ anchor }) => anchor.address);
  }
}

const open: RelayServer[] = [];
afterEach(() => {
  for (const relay of open.splice(0)) relay.onEnd();
});

function clientPath(): RelayedClientPath {
  return { send: () => undefined, alive: true, port: { transport: { remote: REMOTE } } };
}

/** What the relays of one listener have in common. */
function listening(anchors: readonly string[] | undefined, lookUp: HostLookup, local = '0.0.0.0') {
  const endpoint = new FakeEndpoint(local);
  const options = { ...(anchors !== undefined && { anchors }), forClients: anchors !== undefined };
  const config = resolveRelay(options, endpointForwarder(endpoint, lookUp));
  /** `token`: the anchors of one; without it a client that came by itself. */
  const relayFor = (token?: readonly string[]): RelayServer => {
    const session = { clock: systemClock(), paths: new Map() as never };
    const relay = new RelayServer(session, { ...config, anchors: token });
    open.push(relay);
    return relay;
  };
  return { endpoint, relayFor };
}

let ids = 0;
const request = (anchor: string, count = 1) => ({
  connectionIds: Array.from({ length: count }, () => Uint8Array.of(1, 2, 3, 4, 5, 6, 7, ids++)),
  anchor,
});

describe('an anchor that is a name', () => {
  const both: HostLookup = () => Promise.resolve(['2001:db8::1', '203.0.113.5']);

  test.each([
    ['0.0.0.0', '203.0.113.5'],
    ['2001:db8::9', '2001:db8::1'],
    ['::', '2001:db8::1'],
  ])('is reached by an address of the family of the socket: from %s at %s', async (local, address) => {
    const { endpoint, relayFor } = listening(['primary.example'], both, local);
    await relayFor().open(clientPath(), request('primary.example:4433'));
    expect(endpoint.anchors).toEqual([address]);
  });

  test('is refused where the socket reaches no address of it', async () => {
    const { relayFor } = listening(['primary.example'], () => Promise.resolve(['2001:db8::1']));
    await expect(relayFor().open(clientPath(), request('primary.example:4433'))).rejects.toMatchObject({
      code: 'ERR_KWIK_CONNECT_FAILED',
      message: expect.stringContaining('cannot reach'),
    });
  });
});
