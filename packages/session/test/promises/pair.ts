import { expect } from '@jest/globals';
import type { DialOptions, ServerSession, Session, Stream } from '@kwik/session';
import type { LinkShape } from '@kwik/testbed';
import { SimulatedWorld, type SimulatedServer, type SimulatedServerOptions } from '../simulated-world.js';

export const LINK: LinkShape = { both: { rateBitsPerSecond: 50e6, delayMs: 10, queueBytes: 200_000 } };

export interface Pair {
  readonly world: SimulatedWorld;
  readonly server: SimulatedServer;
  readonly client: Session;
  readonly primary: ServerSession;
}

/** A client and its primary, on virtual time. */
export async function pairOf(
  options: DialOptions = {},
  serverOptions: SimulatedServerOptions = {},
  world = new SimulatedWorld(1),
): Promise<Pair> {
  const server = world.server('primary', LINK, serverOptions);
  const client = await world.dial(server.address, options);
  return { world, server, client, primary: server.sessions[0]! };
}

/** A stream that the client opened, at both ends; one byte has travelled. */
export async function streamOf({ world, client, primary }: Pair, unidirectional = false): Promise<[Stream, Stream]> {
  const mine = client.openStream({ unidirectional });
  const [theirs] = await world.settle(Promise.all([primary.acceptStream(), mine.write('!')]));
  await world.settle(theirs.read());
  return [mine, theirs];
}

export async function allOf(stream: Stream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

/** What has become of a promise by now. */
export function outcomeOf(promise: Promise<unknown>): { state: 'pending' | 'resolved' | 'rejected'; value?: unknown } {
  const outcome: { state: 'pending' | 'resolved' | 'rejected'; value?: unknown } = { state: 'pending' };
  promise.then(
    (value) => Object.assign(outcome, { state: 'resolved', value }),
    (value: unknown) => Object.assign(outcome, { state: 'rejected', value }),
  );
  return outcome;
}

export const code = (name: string): unknown => expect.objectContaining({ code: name });
