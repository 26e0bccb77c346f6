import type { PathInfo, ServerSession } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { expect, test } from '@jest/globals';
import { pathInfo } from '../test-support/paths.js';
import { SessionPeers, type PeerPolicy } from './peers.js';
import { ServeLog } from './serve-log.js';

/** The pauses between attempts, which end when the test says so. */
class Waits {
  readonly ended = new AbortController();
  readonly lengthsMs: number[] = [];
  #end: () => void = () => undefined;

  begin(ms: number): Promise<void> {
    this.lengthsMs.push(ms);
    return new Promise((resolve) => (this.#end = resolve));
  }

  async end(): Promise<void> {
    this.#end();
    await new Promise(setImmediate);
  }
}

/** A session whose client reaches only the servers in `reachable`, and the lines that are logged. */
function setUp(
  policy: PeerPolicy,
  reachable: string[] = [],
): { peers: SessionPeers; asked: string[]; lines: string[]; waits: Waits } {
  const waits = new Waits();
  const asked: string[] = [];
  const lines: string[] = [];
  const session = {
    id: 'f'.repeat(32),
    addPath: async (address: string): Promise<PathInfo> => {
      asked.push(address);
      if (reachable.includes(address)) return pathInfo(address, { rttMs: 3 });
      throw new KwikError('ERR_KWIK_TIMEOUT', 'no answer');
    },
  } as Partial<ServerSession> as ServerSession;
  const output = {
    isTty: false,
    columns: () => 80,
    print: (text: string) => void lines.push(text),
    write: () => Promise.resolve(),
  };
  const log = new ServeLog({ stdout: output, stderr: output }, true);
  const { signal } = waits.ended;
  const peers = new SessionPeers({ session, policy, log, signal, wait: (ms) => waits.begin(ms) });
  return { peers, asked, lines, waits };
}

const closed = { peers: ['a:1', 'b:2'], allowClientServers: false };
const open = { peers: ['a:1'], allowClientServers: true };

test('adds all peers at once; failures are logged and hurt nobody', async () => {
  const { peers, asked, lines } = setUp(closed, ['b:2']);
  peers.addOwn();
  expect(asked).toEqual(['a:1', 'b:2']);
  await new Promise(setImmediate);
  expect(lines.sort().map((line): unknown => JSON.parse(line))).toEqual([
    { event: 'peer-added', session: 'f'.repeat(32), server: 'b:2', rttMs: 3 },
    expect.objectContaining({ event: 'peer-failed', server: 'a:1', code: 'ERR_KWIK_TIMEOUT' }),
  ]);
});

test('a client may name the peers, and nobody else', () => {
  const { peers, asked } = setUp(closed);
  peers.addOwn();
  expect(peers.addForClient(['a:1', 'c:3'])).toMatchObject({
    ok: true,
    accepted: ['a:1'],
    refused: [{ server: 'c:3', reason: expect.stringContaining('operator') }],
  });
  expect(asked).toEqual(['a:1', 'b:2']);
});

test('a client that may names servers, each once and in their plain form', () => {
  const { peers, asked } = setUp(open);
  const answer = peers.addForClient(['c:3', 'c:3', '[::1]:4', 'nonsense:', 'd', 'e:0', '[::1:5']);
  expect(answer.ok && answer.accepted).toEqual(['c:3', 'c:3', '[::1]:4']);
  expect(answer.ok && answer.refused.map(({ server }) => server)).toEqual(['nonsense:', 'd', 'e:0', '[::1:5']);
  expect(asked).toEqual(['c:3', '[::1]:4']);
});

test('the servers of a session are bounded', () => {
  const { peers, asked } = setUp(open);
  const servers = Array.from({ length: 40 }, (_, index) => `host:${index + 1}`);
  const answer = peers.addForClient(servers);
  expect(answer.ok && answer.accepted).toHaveLength(32);
  expect(asked).toHaveLength(32);
});

test('a peer that is down when the session begins is asked for again, and added once it is up', async () => {
  const reachable: string[] = [];
  const { peers, asked, lines, waits } = setUp({ peers: ['a:1'], allowClientServers: false }, reachable);
  peers.addOwn();
  await new Promise(setImmediate);
  for (let attempt = 0; attempt < 7; attempt++) await waits.end();
  expect(waits.lengthsMs).toEqual([2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  reachable.push('a:1');
  await waits.end();
  await waits.end();
  expect(asked).toHaveLength(9);
  expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(['peer-failed', 'peer-added']);
  expect(peers.wasAdded('a:1')).toBe(true);
});

test('nobody is asked after the end of the session', async () => {
  const { peers, asked, waits } = setUp({ peers: ['a:1'], allowClientServers: false });
  peers.addOwn();
  await new Promise(setImmediate);
  waits.ended.abort();
  await waits.end();
  expect(asked).toEqual(['a:1']);
});
