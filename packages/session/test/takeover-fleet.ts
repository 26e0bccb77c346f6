import type { LinkShape } from '@kwik/testbed';
import type { ServerSession, Session, Stream } from '@kwik/session';
import { Ed25519Signer, type KcpBody } from '@kwik/kcp';
import type { Feature } from '../src/runtime/features/feature.js';
import type { SessionContext } from '../src/runtime/features/session-context.js';
import { AcceptedSession } from '../src/server/server-session.js';
import { echoes, pattern, sourceOf } from './harness.js';
import {
  SimulatedWorld,
  type SimulatedClientOptions,
  type SimulatedServer,
  type SimulatedServerOptions,
} from './simulated-world.js';

export const RTT_MS = 20;
export const LINK = { both: { rateBitsPerSecond: 20e6, delayMs: RTT_MS / 2, queueBytes: 100_000 } };
export const FLEET = [new Uint8Array(32).fill(0xf1)];
export const OF_STANDBY = Ed25519Signer.fromSeed(new Uint8Array(32).fill(8));
export const content = pattern(3_000_000, 11);

/** A client at its primary, whose standby is another server. */
export interface Fleet {
  readonly world: SimulatedWorld;
  readonly primary: SimulatedServer;
  readonly standby: SimulatedServer;
  readonly client: Session;
}

/** Sends the content into each stream that the client opens, and ends it. */
export function sendsContent(session: ServerSession): void {
  void (async () => {
    for (;;) {
      const stream = await session.acceptStream();
      await stream.read();
      await stream.sendFrom('film', sourceOf(content), { end: true });
    }
  })().catch(() => undefined);
}

export async function fleet(
  seed: number,
  {
    ofPrimary = {},
    ofStandby = {},
    ofClient = {},
    standbyLink = LINK,
  }: {
    readonly ofPrimary?: SimulatedServerOptions;
    readonly ofStandby?: SimulatedServerOptions;
    readonly ofClient?: SimulatedClientOptions;
    readonly standbyLink?: LinkShape;
  } = {},
): Promise<Fleet> {
  const world = new SimulatedWorld(seed);
  const standby = world.server('10.0.0.2', standbyLink, {
    takeover: { fleetKeys: FLEET },
    source: sourceOf(content),
    signer: OF_STANDBY,
    onSession: echoes,
    ...ofStandby,
  });
  const primary = world.server('10.0.0.1', LINK, {
    takeover: { fleetKeys: FLEET, standby: { address: standby.address } },
    source: sourceOf(content),
    onSession: sendsContent,
    ...ofPrimary,
  });
  const client = await world.dial(primary.address, { trust: { allowTargets: ['private'] } }, ofClient);
  // The first ticket is there.
  await world.pass(200);
  return { world, primary, standby, client };
}

/** Nothing of the process runs any more, and nothing reaches it. */
export function kill({ process, link }: SimulatedServer): void {
  process.end();
  link.cut();
}

/** What a reader got, and its longest wait, milliseconds. */
export async function read(world: SimulatedWorld, stream: Stream, at: (bytes: number) => void = () => undefined) {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let lastMs = world.clock.now();
  let longestMs = 0;
  for await (const chunk of stream) {
    const now = world.clock.now();
    if (bytes > 0) longestMs = Math.max(longestMs, now - lastMs);
    lastMs = now;
    chunks.push(chunk);
    bytes += chunk.length;
    at(bytes);
  }
  return { whole: Buffer.concat(chunks), longestMs };
}

/** Sessions that the server accepted, in their order. */
export function accepted({ sessions }: SimulatedServer): AcceptedSession[] {
  return sessions.filter((session) => session instanceof AcceptedSession);
}

export function first(server: SimulatedServer): AcceptedSession {
  const [session] = accepted(server);
  if (session === undefined) throw new TypeError('no session was accepted');
  return session;
}

/** Calls `act` once, when so many bytes were read. */
export function once(bytes: number, act: () => void): (read: number) => void {
  let done = false;
  return (read) => {
    if (done || read < bytes) return;
    done = true;
    act();
  };
}

export async function request(client: Session, text = 'get'): Promise<Stream> {
  const stream = client.openStream();
  await stream.write(text);
  return stream;
}

/** Shown each message that a session sends, and how to send on the same path. */
type SaidListener = (body: KcpBody, send: (body: KcpBody) => void) => void;

/** Of the paths of a session from their beginning, before any other feature says something on them. */
export function listening(onSaid: SaidListener): (session: SessionContext) => readonly Feature[] {
  return (session) => {
    const addPath = session.addPath.bind(session);
    session.addPath = (path) => {
      const send = path.send.bind(path);
      path.send = (body) => {
        send(body);
        onSaid(body, send);
      };
      addPath(path);
    };
    return [];
  };
}
