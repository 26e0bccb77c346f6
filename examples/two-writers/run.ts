import { dial, listen, type Listener } from '@kwik/session';
import { fetchVerified } from './client.js';
import { servePrimary, type Plan } from './primary.js';
import { serveSecondary } from './secondary.js';

export interface Outcome {
  readonly bytes: number;
  /** Bytes that came from each server: the primary, the secondary. */
  readonly from: readonly number[];
}

/** A primary, a secondary and a client in one process, each of which knows only its part. */
export async function runTwoWriters(content: Uint8Array, plan: Plan): Promise<Outcome> {
  await using primary = await listen();
  await using secondary = await listen();
  const servers = [
    primary.accept().then((session) => servePrimary(session, addressOf(secondary), content, plan)),
    secondary.accept().then((session) => serveSecondary(session, content)),
  ];
  await using session = await dial(addressOf(primary));
  // A server that fails ends the example; else they go on until the session is closed.
  const failed = Promise.all(servers).then(() => new Promise<never>(() => undefined));
  const bytes = await Promise.race([fetchVerified(session), failed]);
  const from = session.getAllPaths().map((path) => path.receivedBytes);
  await session.close();
  await Promise.all(servers);
  return { bytes, from };
}

function addressOf(listener: Listener): string {
  const { address, port } = listener.address();
  return `${address}:${port}`;
}
