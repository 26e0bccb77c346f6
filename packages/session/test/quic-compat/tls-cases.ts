import {
  type Case,
  type Config,
  connectionOf,
  endOf,
  failure,
  issue,
  type KeyKind,
  within,
  type World,
} from './world.js';

const BAD_CERTIFICATE = 0x12a;
const accept = async () => undefined;
const refuse = async () => BAD_CERTIFICATE;

/** What becomes of a client with this config at a server with that. */
async function meet(world: World, server: Partial<Config>, client: Partial<Config>): Promise<unknown> {
  const running = await world.server({ config: server });
  const accepted = connectionOf(running);
  const made = await failure(world.client(running.port, { config: client }));
  return made === 'no failure'
    ? within(
        accepted.then(() => 'connected'),
        1000,
      )
    : made;
}

const casesOf = (kind: KeyKind): Case[] => [
  {
    name: `${kind}: each end verifies the other by its authority`,
    run: async (world) => {
      const [one, other] = [await issue(kind), await issue(kind)];
      const pair = { key: one.key, cert: one.cert };
      const own = { key: other.key, cert: other.cert };
      return [
        await meet(world, pair, { verifyPeer: true, ca: one.ca }),
        await meet(world, { ...pair, verifyPeer: true, ca: other.ca }, own),
        await meet(world, { ...pair, verifyPeer: true, ca: other.ca }, { ...own, verifyPeer: true, ca: one.ca }),
        await meet(world, pair, { verifyPeer: true, ca: other.ca }),
      ];
    },
    expected: ['connected', 'connected', 'connected', 'ErrorQUICConnectionLocalTLS'],
  },
  {
    name: `${kind}: a client of which a server has no authority is refused, and sees it`,
    run: async (world) => {
      const [one, other] = [await issue(kind), await issue(kind)];
      const server = await world.server({ config: { key: one.key, cert: one.cert, verifyPeer: true } });
      const shown = connectionOf(server);
      const client = await world.client(server.port, { config: { key: other.key, cert: other.cert } });
      return [await endOf(client.connection), await within(shown, 100)];
    },
    expected: ['ErrorQUICConnectionPeerTLS', 'too late'],
  },
  {
    name: `${kind}: a callback judges the chain of the server`,
    run: async (world) => {
      const one = await issue(kind);
      const seen: number[] = [];
      const server = await world.server({ config: { key: one.key, cert: one.cert } });
      const look = async (certs: Uint8Array[], ca: Uint8Array[]) => void seen.push(certs.length, ca.length);
      const ca = one.ca;
      await world.client(server.port, { config: { verifyPeer: true, ca, verifyCallback: look } });
      const other = await world.server({ config: { key: one.key, cert: one.cert } });
      const shown = connectionOf(other).then(endOf);
      const refused = world.client(other.port, { config: { verifyPeer: true, verifyCallback: refuse } });
      return [seen, await failure(refused), await shown];
    },
    expected: [[1, 1], 'ErrorQUICConnectionLocalTLS', 'ErrorQUICConnectionPeerTLS'],
  },
  {
    name: `${kind}: a callback judges the chain of the client`,
    run: async (world) => {
      const [one, other] = [await issue(kind), await issue(kind)];
      const pair = { key: one.key, cert: one.cert };
      const own = { key: other.key, cert: other.cert };
      const welcome = await meet(world, { ...pair, verifyPeer: true, verifyCallback: accept }, own);
      const server = await world.server({ config: { ...pair, verifyPeer: true, verifyCallback: refuse } });
      const shown = connectionOf(server);
      const client = await world.client(server.port, { config: own });
      return [welcome, await endOf(client.connection), await within(shown, 100)];
    },
    expected: ['connected', 'ErrorQUICConnectionPeerTLS', 'too late'],
  },
  {
    name: `${kind}: a server changes its certificate for connections to come`,
    run: async (world) => {
      const [one, other] = [await issue(kind), await issue(kind)];
      const server = await world.server({ config: { key: one.key, cert: one.cert } });
      const first = await world.client(server.port);
      server.updateConfig({ key: other.key, cert: other.cert });
      const second = await world.client(server.port, { config: { verifyPeer: true, ca: other.ca } });
      const leaves = [first, second].map(({ connection }) => connection.getRemoteCertsChain()[0]!);
      return [first.connection.closed, Buffer.compare(leaves[0]!, leaves[1]!) === 0];
    },
    expected: [false, false],
  },
];

export const tlsCases: readonly Case[] = (['ECDSA', 'Ed25519', 'RSA'] as const).flatMap(casesOf);
