import { beforeEach, describe, expect, it } from '@jest/globals';
import type { KcpBody } from '@kwik/kcp';
import { PRIMARY_PATH_ID, proto, toPathId, toStreamId, type StreamId } from '@kwik/wire';
import type { Composition, SessionEngine } from '../runtime/session/engine.js';
import { bareEngine } from '../test-support/bare-engine.js';
import type { OpeningPath } from './opening-path.js';
import { ContentClient } from './content-client.js';

const GRANT = Uint8Array.of(1, 2, 3);
const BLOCK = 32 * 1024;
const MEGABYTE = 1024 * 1024;

/** A server that is being asked to join, and what it was sent meanwhile. */
class Opening implements OpeningPath {
  readonly rttMs = 40;
  readonly sent: KcpBody[] = [];

  constructor(readonly id: ReturnType<typeof toPathId>) {}

  send(body: KcpBody): void {
    this.sent.push(body);
  }

  get requests(): proto.RangeRequest[] {
    return this.sent.flatMap((body) => (body.$case === 'rangeRequest' ? [body.value] : []));
  }

  get blocks(): number[] {
    return this.requests.map(({ requestId }) => Number(requestId));
  }
}

describe('a path that is being opened', () => {
  let engine: SessionEngine<Composition & { readonly content: ContentClient }>;
  let content: ContentClient;
  const primary = { id: PRIMARY_PATH_ID, send: () => undefined };

  beforeEach(() => {
    engine = bareEngine({ role: 'client', streamWindowBytes: MEGABYTE }, (session) => {
      const made = new ContentClient(session);
      return { content: made, features: [made] };
    });
    content = engine.parts.content;
  });

  const start = (): StreamId => {
    const id = toStreamId(1n);
    engine.streams.announced(id, 0n);
    content.start(primary, {
      streamId: id,
      baseOffset: 0n,
      key: 'film',
      size: 4n * BigInt(MEGABYTE),
      blockBytes: BLOCK,
      digest: proto.DigestAlgorithm.SHA256,
      grant: GRANT,
      initialBytes: 0n,
      endsStream: false,
    });
    return id;
  };

  /** The engine looks after everything at the end of the turn. */
  const turn = (): Promise<void> => {
    engine.wake();
    return Promise.resolve();
  };

  it('is asked for content that is under way, with the grant in the first request', async () => {
    start();
    const path = new Opening(toPathId(1));
    content.openPath(path);
    await turn();
    expect(path.blocks).toEqual([0, 1, 2, 3]);
    expect(path.requests.map(({ grant }) => grant.length)).toEqual([3, 0, 0, 0]);
  });

  it('is asked for content that is announced meanwhile', async () => {
    const path = new Opening(toPathId(1));
    content.openPath(path);
    await turn();
    expect(path.sent).toEqual([]);
    start();
    await turn();
    expect(path.blocks).toEqual([0, 1, 2, 3]);
  });

  it('owes nothing when it cannot be opened: others are asked', async () => {
    start();
    content.openPath(new Opening(toPathId(1)));
    await turn();
    content.removePath(toPathId(1));
    const other = new Opening(toPathId(2));
    content.openPath(other);
    await turn();
    expect(other.blocks).toEqual([0, 1, 2, 3]);
  });

  it('hears of the end of the content that it was asked for', async () => {
    const streamId = start();
    const path = new Opening(toPathId(1));
    content.openPath(path);
    await turn();
    content.ended({ streamId, complete: false, error: undefined });
    expect(path.sent.at(-1)).toMatchObject({ $case: 'contentEnd', value: { streamId, complete: false } });
  });
});
