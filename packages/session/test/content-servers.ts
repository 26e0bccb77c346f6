import type { LinkShape } from '@kwik/testbed';
import { sourceOf } from './harness.js';
import type { SimulatedServer, SimulatedServerOptions, SimulatedWorld } from './simulated-world.js';

/** Servers that all have the content: the first is the primary, adds the others, and sends it to whoever writes. */
export function contentServers(
  world: SimulatedWorld,
  count: number,
  shape: LinkShape,
  content: Uint8Array,
  options: Pick<SimulatedServerOptions, 'limits'> = {},
): { readonly primary: SimulatedServer; readonly peers: readonly SimulatedServer[] } {
  const source = sourceOf(content);
  const peers = Array.from({ length: count - 1 }, (_, index) =>
    world.server(`10.0.0.${index + 2}`, shape, { ...options, source }),
  );
  const primary = world.server('10.0.0.1', shape, {
    ...options,
    onSession: (session) => {
      for (const peer of peers) void session.addPath(peer.address);
      void session.acceptStream().then(async (stream) => {
        await stream.read();
        await stream.sendFrom('content', source);
        await stream.close();
      });
    },
  });
  return { primary, peers };
}
