import { describe, expect, it } from '@jest/globals';
import { makeStreamId, type StreamId } from '@kwik/wire';
import { StreamTable } from './stream-table.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });
const ignore = (): void => undefined;

function table(side: 'client' | 'server' = 'client', maxStreams = 3): StreamTable {
  const streams = new StreamTable({ side, maxStreams, streamWindowBytes: 1000, sendBufferBytes: 500 });
  streams.setPeerLimits({ maxBidiStreams: 2, maxUniStreams: 1, streamWindowBytes: 700 });
  return streams;
}

describe('StreamTable: streams of this end', () => {
  it('numbers them as RFC 9000, section 2.1 says, each kind by itself', () => {
    const client = table('client');
    expect([client.open(false).id, client.open(true).id, client.open(false).id]).toEqual([0n, 2n, 4n]);
    const server = table('server');
    expect([server.open(false).id, server.open(true).id, server.open(false).id]).toEqual([1n, 3n, 5n]);
  });

  it('have the halves that their kind has, and the peer’s window', () => {
    const streams = table();
    const bidi = streams.open(false);
    expect(bidi.receive?.maxOffset).toBe(1000);
    bidi.send?.write(new Uint8Array(701));
    expect(bidi.send?.take(1000)?.data.length).toBe(700);
    expect(bidi.send?.room).toBe(499);
    expect(streams.open(true).receive).toBeUndefined();
  });

  it('keep to the peer’s credit, which only rises', () => {
    const streams = table();
    streams.open(false);
    streams.open(false);
    expect(streams.canOpen(false)).toBe(false);
    expect(() => streams.open(false)).toThrow(code('ERR_KWIK_STREAM_LIMIT'));
    streams.handleMaxStreams(false, 1n);
    expect(streams.canOpen(false)).toBe(false);
    streams.handleMaxStreams(false, 3n);
    expect(streams.open(false).id).toBe(8n);
    expect(streams.canOpen(true)).toBe(true);
  });

  it('give the peer no credit when they end', () => {
    const streams = table();
    const stream = streams.open(false);
    expect(streams.remove(stream.id)).toBeUndefined();
    expect(streams.size).toBe(0);
  });
});

describe('StreamTable: streams of the peer', () => {
  const peers = (index: bigint, unidirectional = false): StreamId => makeStreamId(index, 'server', unidirectional);

  it('open those of their kind below them (RFC 9000, section 3.2)', () => {
    const streams = table();
    const opened: bigint[] = [];
    const stream = streams.require(peers(2n), (created) => opened.push(created.id));
    expect(opened).toEqual([1n, 5n, 9n]);
    expect(stream?.id).toBe(9n);
    expect(streams.require(peers(1n), () => opened.push(-1n))?.id).toBe(5n);
    expect(opened).toHaveLength(3);
    const uni = streams.require(peers(0n, true), ignore);
    expect(uni?.send).toBeUndefined();
    expect(uni?.receive).toBeDefined();
  });

  it('keep to our credit', () => {
    const streams = table();
    expect(() => streams.require(peers(3n), ignore)).toThrow(code('ERR_KWIK_STREAM_LIMIT'));
    expect(streams.size).toBe(0);
    expect(() => streams.require(peers(1n << 59n), ignore)).toThrow(code('ERR_KWIK_STREAM_LIMIT'));
  });

  it('are never opened by a secondary, which names only those that the primary has', () => {
    const streams = table();
    for (const id of [0n, 1000n]) expect(() => streams.require(peers(id))).toThrow(code('ERR_KWIK_PROTOCOL_VIOLATION'));
    expect(streams.size).toBe(0);
    streams.require(peers(0n), ignore);
    expect(streams.require(peers(0n))).toBe(streams.get(peers(0n)));
  });

  it('cannot be ours, unless we opened them', () => {
    const streams = table();
    expect(() => streams.require(makeStreamId(0n, 'client', false), ignore)).toThrow(
      code('ERR_KWIK_PROTOCOL_VIOLATION'),
    );
    const mine = streams.open(false);
    expect(streams.require(mine.id)).toBe(mine);
  });

  it('are unknown after their end, not new: late frames are for nobody', () => {
    const streams = table();
    streams.require(peers(0n), ignore);
    const mine = streams.open(false);
    streams.remove(peers(0n));
    streams.remove(mine.id);
    const created = (): never => {
      throw new Error('opened anew');
    };
    expect(streams.require(peers(0n), created)).toBeUndefined();
    expect(streams.require(mine.id, created)).toBeUndefined();
    expect(streams.require(peers(0n))).toBeUndefined();
  });

  it('make room for new ones when they end, once each', () => {
    const streams = table();
    for (let index = 0n; index < 3n; index++) streams.require(peers(index), ignore);
    expect(streams.remove(peers(1n))).toEqual({ unidirectional: false, maxStreams: 4n });
    expect(streams.remove(peers(1n))).toBeUndefined();
    expect(streams.require(peers(3n), ignore)?.id).toBe(13n);
    expect(() => streams.require(peers(4n), ignore)).toThrow(code('ERR_KWIK_STREAM_LIMIT'));
  });

  it('stay bounded through any number of openings and endings', () => {
    const streams = table();
    let limit = 3n;
    for (let index = 0n; index < 1000n; index++) {
      expect(index).toBeLessThan(limit);
      streams.require(peers(index), ignore);
      limit = streams.remove(peers(index))?.maxStreams ?? 0n;
      expect(streams.size).toBe(0);
    }
  });
});

describe('StreamTable: of a session that another server began', () => {
  const counts = { bidi: 3n, uni: 2n };
  const resumed = (): StreamTable => {
    const numbers = { own: counts, peer: counts, mayOpen: { bidi: 9n, uni: 9n } };
    return new StreamTable({
      side: 'server',
      maxStreams: 4,
      streamWindowBytes: 1000,
      sendBufferBytes: 1000,
      numbers,
    });
  };

  it('tells streams that are over from those that can still come', () => {
    const streams = resumed();
    for (const side of ['client', 'server'] as const) {
      expect(streams.isOver(makeStreamId(2n, side, false))).toBe(true);
      expect(streams.isOver(makeStreamId(3n, side, false))).toBe(false);
      expect(streams.isOver(makeStreamId(1n, side, true))).toBe(true);
      expect(streams.isOver(makeStreamId(2n, side, true))).toBe(false);
    }
    streams.attach(makeStreamId(2n, 'client', false));
    expect(streams.isOver(makeStreamId(2n, 'client', false))).toBe(false);
  });

  it('gives no credit for what was attached, however often', () => {
    const streams = resumed();
    const allowed = streams.numbers.peerMayOpen;
    expect(allowed).toEqual({ bidi: 7n, uni: 6n });
    for (let round = 0; round < 3; round++) {
      const id = makeStreamId(1n, 'client', false);
      streams.attach(id);
      expect(streams.remove(id)).toBeUndefined();
    }
    expect(streams.numbers.peerMayOpen).toEqual(allowed);
  });
});

describe('StreamTable: at a secondary', () => {
  it('attaches a stream for writing only', () => {
    const streams = table('server', 0);
    const id = makeStreamId(5n, 'client', false);
    const stream = streams.attach(id);
    expect(stream.receive).toBeUndefined();
    expect(stream.send?.state).toBe('open');
    expect(streams.attach(id)).toBe(stream);
    streams.remove(id);
    expect(streams.get(id)).toBeUndefined();
  });
});
