import { describe, expect, it } from '@jest/globals';
import { makeStreamId } from '@kwik/wire';
import fc from 'fast-check';
import { patternBytes } from '../../test-support/random.js';
import { CONTENT_ORIGIN, ReceiveHalf } from './receive-half.js';

const id = makeStreamId(0n, 'server', false);
const mismatch = expect.objectContaining({ code: 'ERR_KWIK_OFFSET_MISMATCH' });
const half = (windowBytes = 100): ReceiveHalf => new ReceiveHalf(id, windowBytes);

function readAll(receive: ReceiveHalf): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let chunk = receive.read(); chunk !== undefined; chunk = receive.read()) chunks.push(chunk.data);
  return Buffer.concat(chunks);
}

describe('ReceiveHalf: the final size (RFC 9000, section 4.5)', () => {
  it('is finished when everything up to it was read', () => {
    const receive = half();
    receive.handleData(5, patternBytes(5, 5), true, 0);
    expect(receive.state).toBe('open');
    receive.handleData(0, patternBytes(5), false, 0);
    expect(receive.state).toBe('open');
    expect(readAll(receive)).toEqual(Buffer.from(patternBytes(10)));
    expect(receive.state).toBe('finished');
    expect(receive.done).toBe(true);
    expect(receive.readable).toBe(true);
  });

  it('can be 0', () => {
    const receive = half();
    receive.handleData(0, new Uint8Array(0), true, 0);
    expect(receive.state).toBe('finished');
  });

  it('never changes, and nothing lies beyond it', () => {
    const receive = half();
    receive.handleData(0, patternBytes(10), true, 0);
    expect(() => receive.handleData(0, patternBytes(9), true, 0)).toThrow(mismatch);
    expect(() => receive.handleData(10, patternBytes(1), true, 0)).toThrow(mismatch);
    expect(() => receive.handleData(5, patternBytes(6), false, 0)).toThrow(mismatch);
    expect(() => receive.insertVerified(5, patternBytes(6))).toThrow(mismatch);
    expect(() => receive.handleReset(0, 9)).toThrow(mismatch);
    expect(receive.handleData(0, patternBytes(10), true, 0)).toEqual({ fresh: 0, duplicate: 10 });
  });

  it('is not below data that came already, even behind a gap', () => {
    const receive = half();
    receive.handleData(20, patternBytes(5, 20), false, 0);
    expect(() => receive.handleData(0, patternBytes(10), true, 0)).toThrow(mismatch);
    expect(receive.state).toBe('open');
  });

  it('may lie beyond the window when no bytes come with it: skipped offsets and content lie before it', () => {
    const receive = half(100);
    receive.handleData(1000, new Uint8Array(0), true, 0);
    expect(() => receive.handleData(1001, new Uint8Array(0), true, 0)).toThrow(mismatch);
  });
});

describe('ReceiveHalf: flow control', () => {
  it('refuses a byte beyond the window', () => {
    const receive = half(100);
    expect(receive.handleData(0, patternBytes(100), false, 0).fresh).toBe(100);
    expect(() => receive.handleData(100, patternBytes(1), false, 0)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_FLOW_CONTROL' }),
    );
  });

  it('announces limits that only rise, never more than the window beyond what was read', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(60), fc.boolean()), { maxLength: 60 }), (steps) => {
        const receive = half(100);
        let limit = receive.maxOffset;
        for (const [wanted, force] of steps) {
          const bytes = Math.min(wanted, receive.maxOffset - receive.readyEnd);
          receive.handleData(receive.readyEnd, new Uint8Array(bytes), false, 0);
          receive.read(Math.max(1, wanted >> 1));
          const update = receive.takeWindowUpdate(force);
          if (update !== undefined) {
            expect(update).toBeGreaterThanOrEqual(limit);
            if (!force) expect(update).toBeGreaterThan(limit);
            limit = update;
          }
          expect(receive.maxOffset).toBe(limit);
          expect(limit).toBeLessThanOrEqual(receive.readOffset + 100);
          expect(limit).toBeGreaterThan(receive.readOffset + 100 - 26);
          expect(receive.bufferedBytes).toBeLessThanOrEqual(100);
        }
      }),
    );
  });

  it('announces nothing once all up to the end is allowed', () => {
    const receive = half(10);
    receive.handleData(0, patternBytes(10), true, 0);
    receive.read();
    expect(receive.takeWindowUpdate(true)).toBeUndefined();
  });

  it('goes on to announce when the end is known before the bytes in front of it are allowed', () => {
    const receive = half(10);
    receive.handleData(15, new Uint8Array(0), true, 0);
    receive.handleData(0, patternBytes(10), false, 1);
    receive.read();
    expect(receive.takeWindowUpdate()).toBe(20);
    receive.handleData(10, patternBytes(5), false, 1);
    receive.read();
    expect(receive.takeWindowUpdate(true)).toBeUndefined();
    expect(receive.state).toBe('finished');
  });

  it('does not ask verified content for credit, which is its request', () => {
    const receive = half(10);
    receive.insertVerified(0, patternBytes(50));
    expect(receive.read()).toEqual({ data: patternBytes(50), origin: CONTENT_ORIGIN });
    expect(receive.takeWindowUpdate()).toBe(60);
  });
});

describe('ReceiveHalf: reset and stop', () => {
  it('drops what was not read at a reset, and says whose credit it was', () => {
    const receive = half();
    receive.handleData(0, patternBytes(10), false, 3);
    receive.handleData(20, patternBytes(10), false, 4);
    expect(receive.handleReset(7, 30)).toEqual(
      new Map([
        [3, 10],
        [4, 10],
      ]),
    );
    expect(receive.state).toBe('reset');
    expect(receive.resetCode).toBe(7);
    expect(receive.done).toBe(true);
    expect(receive.read()).toBeUndefined();
  });

  it('comes too late when everything was read', () => {
    const receive = half();
    receive.handleData(0, patternBytes(10), true, 0);
    receive.read();
    receive.handleReset(7, 10);
    expect(receive.state).toBe('finished');
  });

  it('keeps the first code of several resets', () => {
    const receive = half();
    receive.handleReset(1, 0);
    receive.handleReset(2, 0);
    expect(receive.resetCode).toBe(1);
  });

  it('lets the primary reset a stream into which a secondary wrote farther, before or after', () => {
    const receive = half();
    receive.handleData(50, patternBytes(10), false, 1);
    receive.handleReset(7, 20);
    expect(receive.handleData(60, patternBytes(10), false, 1)).toEqual({ fresh: 0, duplicate: 10 });
    expect(receive.handleData(0, patternBytes(10), false, 0)).toEqual({ fresh: 0, duplicate: 10 });
    expect(receive.bufferedBytes).toBe(0);
  });

  it('counts what comes after a stop as duplicate, so that its credit goes back', () => {
    const receive = half();
    receive.handleData(0, patternBytes(10), false, 3);
    expect(receive.stop(9)).toEqual(new Map([[3, 10]]));
    expect(receive.state).toBe('stopped');
    expect(receive.stopCode).toBe(9);
    expect(receive.done).toBe(false);
    expect(receive.handleData(10, patternBytes(10), false, 3)).toEqual({ fresh: 0, duplicate: 10 });
    expect(receive.takeWindowUpdate(true)).toBeUndefined();
  });

  it.each(['reset', 'fin'] as const)('is done after a stop and a %s, and still says "stopped" to its reader', (how) => {
    const receive = half();
    receive.stop();
    if (how === 'reset') receive.handleReset(0, 10);
    else receive.handleData(0, patternBytes(10), true, 0);
    expect(receive.done).toBe(true);
    expect(receive.state).toBe('stopped');
  });
});
