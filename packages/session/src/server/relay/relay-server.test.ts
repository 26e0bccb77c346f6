import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, test } from '@jest/globals';
import { systemClock, type Flow, type FlowOptions, type HostLookup } from '@kwik/quic';
import { KwikError, type TransportAddress } from '@kwik/wire';
import { endpointForwarder } from './endpoint-forwarder.js';
import { limitedBy, resolveRelay } from './relay-config.js';
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
    if (options.clientId.every((byte) => byte === 0)) throw new KwikError('ERR_KWIK_INVALID_ARGUMENT');
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
  return { send: () => undefined, alive: true, port: { transport: { remote: REMOTE, local: REMOTE } } };
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

test('flows that are opened, closed and refused are told of, with both ends and the reason', async () => {
  const told: unknown[] = [];
  const hear = (event: unknown): void => void told.push(event);
  subscribe('kwik:relay:flow', hear);
  try {
    const { relayFor } = listening(['203.0.113.5'], (host) => Promise.resolve([host]));
    const relay = relayFor();
    await relay.open(clientPath(), request('203.0.113.5:4433'));
    await expect(relay.open(clientPath(), request('203.0.113.6:4433'))).rejects.toThrow();
    relay.onEnd();
  } finally {
    unsubscribe('kwik:relay:flow', hear);
  }
  const client = '192.0.2.7:7';
  expect(told).toEqual([
    { client, anchor: '203.0.113.5:4433', change: 'opened', reason: '' },
    { client, anchor: '203.0.113.6:4433', change: 'refused', reason: expect.stringContaining('relay.anchors') },
    { client, anchor: '203.0.113.5:4433', change: 'closed', reason: '' },
  ]);
});

test('a rule of access lets a client be forwarded no faster than it says, and grants nothing more than the relay', () => {
  const most = { bytes: 1000, bytesPerSecond: 500, durationMs: 1000 };
  expect(limitedBy({ bytesPerSecond: 100 }, most)).toEqual({ ...most, bytesPerSecond: 100 });
  expect(limitedBy({ bytesPerSecond: 9000 }, most)).toEqual(most);
  expect(limitedBy({}, most)).toEqual(most);
});

describe('what is forwarded for a client', () => {
  const anchors = ['203.0.113.5'];
  const anchor = '203.0.113.5:4433';
  const numeric: HostLookup = (name) => Promise.resolve([name]);

  test('is bounded, however often it asks: the oldest gives way', async () => {
    const { endpoint, relayFor } = listening(anchors, numeric);
    const relay = relayFor();
    for (let times = 0; times < 50; times++) await relay.open(clientPath(), request(anchor, 3));
    expect([endpoint.flows.size, relay.flows]).toEqual([16, 16]);
  });

  test('is nothing of a request of which a part is refused', async () => {
    const { endpoint, relayFor } = listening(anchors, numeric);
    const asked = request(anchor, 2);
    asked.connectionIds.push(new Uint8Array(8));
    await expect(relayFor().open(clientPath(), asked)).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
    expect(endpoint.flows.size).toBe(0);
  });

  test('is nothing for a session that ended, or a path that died, while a name was looked up', async () => {
    let found: (addresses: readonly string[]) => void = () => undefined;
    const lookUp: HostLookup = () => new Promise((resolve) => (found = resolve));
    const { endpoint, relayFor } = listening(['primary.example', ...anchors], lookUp);
    const ended = relayFor();
    const opening = ended.open(clientPath(), request('primary.example:4433'));
    ended.onEnd();
    found(anchors);
    await expect(opening).rejects.toMatchObject({ code: 'ERR_KWIK_SESSION_CLOSED' });
    const path = { ...clientPath(), alive: true };
    const dying = relayFor().open(path, request('primary.example:4433'));
    path.alive = false;
    found(anchors);
    await expect(dying).rejects.toMatchObject({ code: 'ERR_KWIK_PATH_DEAD' });
    expect(endpoint.flows.size).toBe(0);
  });

  test('is nothing of what the client gave up while a name was looked up', async () => {
    let found: (addresses: readonly string[]) => void = () => undefined;
    const lookUp: HostLookup = () => new Promise((resolve) => (found = resolve));
    const { endpoint, relayFor } = listening(['primary.example', ...anchors], lookUp);
    const relay = relayFor();
    const asked = request('primary.example:4433', 3);
    const opening = relay.open(clientPath(), asked);
    relay.handlers.relayClose!(clientPath() as never, { connectionIds: asked.connectionIds.slice(0, 2) });
    found(anchors);
    await opening;
    expect([...endpoint.flows].map(({ clientId }) => clientId)).toEqual(asked.connectionIds.slice(2));
  });

  test('goes to where the path is at home, which may have another connection by then', async () => {
    const { endpoint, relayFor } = listening(anchors, numeric);
    let remote = REMOTE;
    let local = REMOTE;
    const path = { ...clientPath(), port: { transport: { remote, local } } };
    Object.defineProperty(path.port, 'transport', { get: () => ({ remote, local }) });
    await relayFor().open(path, request(anchor));
    remote = { ...REMOTE, port: 8 };
    local = { ...REMOTE, port: 9 };
    expect([...endpoint.flows][0]!.client).toEqual({ remote, local });
  });

  test('ends with the path that it was asked for on, and with nothing else', async () => {
    const { endpoint, relayFor } = listening(anchors, numeric);
    const relay = relayFor();
    const [first, second] = [clientPath(), clientPath()];
    await relay.open(first, request(anchor, 2));
    await relay.open(second, request(anchor, 1));
    relay.onPathDead(first);
    expect(endpoint.flows.size).toBe(1);
    relay.onEnd();
    expect(endpoint.flows.size).toBe(0);
  });

  test('a name that the list leaves out, and that stands for no listed address, is not even looked up', async () => {
    const asked: string[] = [];
    const lookUp: HostLookup = (name) => {
      asked.push(name);
      return Promise.resolve(['203.0.113.5']);
    };
    const named = listening(['primary.example:4433', '203.0.113.5:4434'], lookUp).relayFor();
    for (const refused of ['secret.attacker.example:4433', 'primary.example:4435', '203.0.113.6:4434']) {
      await expect(named.open(clientPath(), request(refused))).rejects.toMatchObject({
        code: 'ERR_KWIK_PERMISSION_DENIED',
        message: `the relay does not forward to ${refused} (its relay.anchors)`,
      });
    }
    expect(asked).toEqual([]);
    await named.open(clientPath(), request('PRIMARY.example:4433'));
    // The list has the address, and the client the name.
    await named.open(clientPath(), request('other.example:4434'));
    expect(asked).toEqual(['PRIMARY.example', 'other.example']);
  });

  test('few names are looked up at once', async () => {
    const { relayFor } = listening(['primary.example'], () => new Promise(() => undefined));
    const relay = relayFor();
    void relay.open(clientPath(), request('primary.example:1'));
    void relay.open(clientPath(), request('primary.example:1'));
    await expect(relay.open(clientPath(), request('primary.example:1'))).rejects.toMatchObject({
      code: 'ERR_KWIK_LIMIT_EXCEEDED',
    });
  });
});
