import type { CloseInfo, PathInfo, ServerSession, Stream } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { Forwards } from '../forward/forwards.js';
import { encodeMessage } from '../protocol/framing.js';
import { MemoryStream } from '../test-support/memory-stream.js';
import { pathInfo } from '../test-support/paths.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { HashCache } from './hash-cache.js';
import { ServeLog } from './serve-log.js';
import { ServedFolder } from './served-folder.js';
import { serveSession, type SessionServerOptions } from './session-server.js';

const disk = temporaryFolder();
const lineSchema = z.object({ event: z.string(), code: z.string().nullish() });

/** A session that the test plays: streams come when it says so, paths change when it says so. */
class FakeSession {
  readonly id = 'f'.repeat(32);
  readonly closed: Promise<CloseInfo>;
  readonly reachable = new Set<string>();
  #close: (info: CloseInfo) => void = () => undefined;
  readonly #onPath = new Set<(path: PathInfo) => void>();
  readonly #streams: Stream[] = [];
  #wake: () => void = () => undefined;

  get listeners(): number {
    return this.#onPath.size;
  }

  constructor(readonly role: 'primary' | 'secondary') {
    this.closed = new Promise((resolve) => (this.#close = resolve));
  }

  open(stream: Stream): void {
    this.#streams.push(stream);
    this.#wake();
  }

  change(path: PathInfo): void {
    for (const listener of this.#onPath) listener(path);
  }

  end(info: CloseInfo): void {
    this.#close(info);
  }

  async acceptStream({ signal }: { signal: AbortSignal }): Promise<Stream> {
    for (;;) {
      const stream = this.#streams.shift();
      if (stream !== undefined) return stream;
      if (signal.aborted) throw new KwikError('ERR_KWIK_SESSION_CLOSED');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  addPath(address: string): Promise<PathInfo> {
    if (this.reachable.has(address)) return Promise.resolve(pathInfo(address, { id: 1 }));
    return Promise.reject(new KwikError('ERR_KWIK_CERTIFICATE', 'not accepted'));
  }

  getAllPaths(): PathInfo[] {
    return [pathInfo('good:1', { sentBytes: 700 }), pathInfo('bad:2', { id: 1, sentBytes: 77 })];
  }

  onPathChange(listener: (path: PathInfo) => void): () => void {
    this.#onPath.add(listener);
    return () => this.#onPath.delete(listener);
  }
}

let lines: string[];
let options: SessionServerOptions;
beforeEach(async () => {
  lines = [];
  await disk.write('served/file', 'content');
  const folder = await ServedFolder.open(disk.path('served'));
  const output = {
    isTty: false,
    columns: () => 80,
    print: (text: string) => void lines.push(text),
    write: () => Promise.resolve(),
  };
  options = {
    folder,
    hashes: new HashCache(folder),
    hasStandby: false,
    forwards: new Forwards({ allow: [], allowUdp: [], listen: [] }),
    policy: { peers: ['good:1', 'bad:2'], allowClientServers: false },
    log: new ServeLog({ stdout: output, stderr: output }, true),
    now: () => 0,
  };
});

function events(): string[] {
  return lines.map((line) => lineSchema.parse(JSON.parse(line)).event);
}

function serve(session: FakeSession): Promise<void> {
  return serveSession(session as unknown as ServerSession, options);
}

test('answers streams, adds peers, says what it loses, and ends with the session', async () => {
  const session = new FakeSession('primary');
  session.reachable.add('good:1');
  const serving = serve(session);
  await new Promise(setImmediate);
  expect(events().sort()).toEqual(['peer-added', 'peer-failed', 'session-opened']);

  const [client, server] = MemoryStream.pair();
  session.open(server);
  await client.write(encodeMessage({ v: 1, op: 'get', path: 'file', offset: 0 }));
  expect(await client.read()).not.toBeNull();

  session.change(pathInfo('good:1', { id: 1, state: 'suspected' }));
  session.change(pathInfo('bad:2', { id: 2, state: 'dead', errorCode: 'ERR_KWIK_CERTIFICATE' }));
  expect(events()).not.toContain('path-lost');
  session.change(pathInfo('good:1', { id: 1, state: 'dead', errorCode: 'ERR_KWIK_PATH_DEAD' }));
  expect(lines.at(-1)).toContain('"server":"good:1","code":"ERR_KWIK_PATH_DEAD"');

  session.end({ by: 'peer', code: 0, reason: 'done' });
  await serving;
  expect(lines.at(-1)).toContain('"event":"session-closed"');
  expect(lines.at(-1)).toContain('"reason":"done"');
  await new Promise(setImmediate);
  expect(session.listeners).toBe(0);
});

test('on a session that was joined, it only waits for the end', async () => {
  const session = new FakeSession('secondary');
  session.open(MemoryStream.pair()[1]);
  const serving = serve(session);
  session.end({ by: 'error', code: 1, reason: '', error: new KwikError('ERR_KWIK_IDLE_TIMEOUT', 'nothing was heard') });
  await serving;
  expect(events()).toEqual(['session-opened', 'session-closed']);
  expect(lines.at(-1)).toContain('nothing was heard');
  expect(lines.at(-1)).toContain('"sentBytes":777');
});
