import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { dial, listen, type ServerSession, type Session, type Stream } from '@kwik/session';
import { ChaosWorld } from '@kwik/testbed/chaos';
import type { CliIo, Output } from '../io.js';
import { ByteReader } from '../protocol/byte-reader.js';
import { encodeMessage, encodeRequest, readMessage } from '../protocol/framing.js';
import { requestSchema } from '../protocol/messages.js';
import { MemoryStream } from '../test-support/memory-stream.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { EarlyRequest, firstRequest } from './early-request.js';
import { runGet } from './get.js';
import { planGet, type GetOptions } from './options.js';
import { ask } from './remote.js';

const RTT_MS = 40;
const OPTIONS: GetOptions = {
  output: '-',
  recursive: false,
  discover: [],
  pin: [],
  server: [],
  force: false,
  skipExisting: false,
  json: false,
  quiet: true,
  timeout: 30,
};
const REQUEST = { op: 'get', path: 'film', offset: 0 };
const { signal } = new AbortController();

describe('over links of 40 ms there and back, in virtual time', () => {
  test('the file begins two round trips after the dial, and is asked for once', async () => {
    const scene = await Scene.open();
    expect(await scene.get([], ['film'])).toBe(0);
    expect(scene.firstByteRoundTrips).toBe(2);
    expect(scene.written).toBe('content of film');
    expect(scene.asked).toEqual(['get film']);
  });

  test('with further servers to be named the request is the first all the same', async () => {
    const scene = await Scene.open();
    expect(await scene.get(['10.0.0.2:4433'], ['film'])).toBe(0);
    expect(scene.firstByteRoundTrips).toBe(2);
    expect(scene.asked.sort()).toEqual(['add-servers', 'get film']);
  });

  test('where the first server is not there the next one is asked', async () => {
    const scene = await Scene.open('10.0.0.2');
    expect(await scene.get(['10.0.0.2:4433'], ['film'])).toBe(0);
    expect(scene.written).toBe('content of film');
    expect(scene.asked.filter((op) => op !== 'add-servers')).toEqual(['get film']);
  });
});

describe('what will be asked first', () => {
  const folder = temporaryFolder();
  const first = async (path: string, more: Partial<GetOptions>): Promise<string | undefined> => {
    const { output: _, ...rest } = OPTIONS;
    const options: GetOptions = { ...rest, ...more };
    const early = await firstRequest(planGet([`kwik://a:1/${path}`], options), options);
    return early && Buffer.from(early.bytes.subarray(4)).toString();
  };
  const whole = '{"v":1,"op":"get","path":"film","offset":0,"apart":true}';

  test('is the whole file where nothing is there, or nothing that matters', async () => {
    expect(await first('film', { output: '-' })).toBe(whole);
    expect(await first('film', { dir: folder.path() })).toBe(whole);
    await folder.write('film', 'old');
    expect(await first('film', { dir: folder.path(), force: true })).toBe(whole);
    expect(await first('films/', { dir: folder.path(), recursive: true })).toBe('{"v":1,"op":"list","path":"films"}');
  });

  test('is not known where a part is there, or what will be refused', async () => {
    await folder.write('other.kwik-part', 'part');
    await folder.write('other.kwik-part.json', '{"v":1,"url":"kwik://a:1/other","size":2000000,"etag":"e"}');
    await folder.write('film', 'somebody has it');
    await folder.write('folder/file', 'in a folder');
    for (const path of ['other', 'film', 'folder']) expect(await first(path, { dir: folder.path() })).toBeUndefined();
  });

  test('is not said with the hello when it is too long for one', () => {
    expect(EarlyRequest.of({ op: 'get', path: 'n'.repeat(8192) })).toBeUndefined();
  });
});

describe('the stream that began with the hello', () => {
  const opened = (): { early: EarlyRequest; mine: MemoryStream; session: Session } => {
    const [mine] = MemoryStream.pair();
    const [other] = MemoryStream.pair();
    const early = EarlyRequest.of(REQUEST)!;
    early.opened({ early: mine });
    return { early, mine, session: { openStreamWhenReady: () => Promise.resolve(other) } as unknown as Session };
  };

  test('is that of who asks just this, once', async () => {
    const { early, mine, session } = opened();
    expect((await ask(session, REQUEST, signal, early)).stream).toBe(mine);
    expect((await ask(session, REQUEST, signal, early)).stream).not.toBe(mine);
  });

  test('is given up when something else is asked, so that the server need not answer', async () => {
    const { early, mine, session } = opened();
    const ended: string[] = [];
    Object.assign(mine, { reset: () => ended.push('reset'), stopSending: () => ended.push('stop') });
    expect((await ask(session, { ...REQUEST, offset: 7 }, signal, early)).stream).not.toBe(mine);
    expect(ended).toEqual(['reset', 'stop']);
    expect(early.take(encodeRequest(REQUEST))).toBeUndefined();
  });
});

/** A server and a command line on virtual time. */
class Scene {
  readonly asked: string[] = [];
  written = '';
  firstByteRoundTrips = NaN;
  readonly #world = new ChaosWorld({ seed: 3 });
  readonly #client = this.#world.host('10.0.0.9');

  static async open(host = '10.0.0.1'): Promise<Scene> {
    const scene = new Scene();
    const both = { rateBitsPerSecond: 50e6, delayMs: RTT_MS / 2 };
    const listener = await listen({ port: 4433, runtime: scene.#world.host(host, { both }).runtime });
    void (async () => {
      for await (const session of listener) void scene.#serve(session);
    })();
    return scene;
  }

  /** Exit status. */
  get(server: readonly string[], paths: readonly string[]): Promise<number> {
    const urls = paths.map((path) => `kwik://10.0.0.1:4433/${path}`);
    return this.#world.run(runGet(urls, { ...OPTIONS, server }, this.#io()));
  }

  async #serve(session: ServerSession): Promise<void> {
    for (;;) void this.#answer(await session.acceptStream());
  }

  async #answer(stream: Stream): Promise<void> {
    const request = (await readMessage(new ByteReader(stream), requestSchema, 'the request'))!;
    if (request.op !== 'get') {
      this.asked.push(request.op);
      await stream.write(encodeMessage({ ok: true, accepted: [], refused: [] }));
      return stream.close();
    }
    this.asked.push(`get ${request.path}`);
    const content = Buffer.from(`content of ${request.path}`);
    await stream.write(encodeMessage({ ok: true, size: content.length, offset: 0, etag: 'one' }));
    await stream.write(content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    await stream.write(encodeMessage({ ok: true, sha256 }));
    await stream.close();
  }

  #io(): CliIo {
    const { clock } = this.#world;
    const beganMs = clock.now();
    const output: Output = {
      isTty: false,
      columns: () => 80,
      print: () => undefined,
      write: (data) => {
        if (this.written === '') this.firstByteRoundTrips = Math.round((clock.now() - beganMs) / RTT_MS);
        this.written += Buffer.from(data).toString();
        return Promise.resolve();
      },
    };
    return {
      stdout: output,
      stderr: { ...output, write: () => Promise.resolve() },
      env: {},
      network: {
        dial: (target, options) => dial(target, { ...options, runtime: this.#client.runtime }),
        listen,
      },
      self: [],
      now: () => clock.now(),
      onInterrupt: () => () => undefined,
      onHangup: () => () => undefined,
      every: () => () => undefined,
      stdin: async function* () {},
      stdinEnded: () => new Promise(() => undefined),
    };
  }
}
