import { describe, expect, test } from '@jest/globals';
import { ERROR_TABLE, type ErrorCode, KwikError, proto } from '@kwik/wire';
import fc from 'fast-check';
import { errorFromDetail, errorToDetail, presentable } from './error-detail.js';

describe('errors on the wire', () => {
  test('every code arrives as itself', () => {
    for (const code of Object.keys(ERROR_TABLE) as ErrorCode[]) {
      expect(errorFromDetail(errorToDetail(new KwikError(code))).code).toBe(code);
    }
  });

  test('with message, scope and what it is about', () => {
    const detail = errorToDetail(new KwikError('ERR_KWIK_PATH_DEAD', 'gone'), { pathId: 3, streamId: 8n });
    expect(detail).toEqual({
      code: 0x30,
      scope: proto.ErrorScope.PATH,
      reason: 'gone',
      pathId: 3,
      streamId: 8n,
      retryAfterMs: 0,
    });
    expect(errorFromDetail(detail).message).toBe('gone');
  });

  test('when to ask again is told, and believed for an hour at the most', () => {
    const told = (retryAfterMs: number) =>
      errorToDetail(new KwikError('ERR_KWIK_CONNECTION_REFUSED', '', { retryAfterMs }));
    expect(errorFromDetail(told(1999.5)).retryAfterMs).toBe(2000);
    expect(told(1e12).retryAfterMs).toBe(3_600_000);
    expect([told(Number.NaN), told(-1)].map(({ retryAfterMs }) => retryAfterMs)).toEqual([0, 0]);
    expect(errorFromDetail({ ...told(1), retryAfterMs: 2 ** 32 - 1 }).retryAfterMs).toBe(3_600_000);
    expect(errorFromDetail(errorToDetail(new KwikError('ERR_KWIK_PATH_DEAD'))).retryAfterMs).toBeUndefined();
  });

  test('what happened inside stays inside', () => {
    const detail = errorToDetail(new KwikError('ERR_KWIK_INTERNAL', 'no file secret-place/key.pem'));
    expect(detail.reason).toBe(ERROR_TABLE.ERR_KWIK_INTERNAL.summary);
  });

  test('codes of newer versions read as a violation, an empty reason as the summary', () => {
    const error = errorFromDetail(proto.ErrorDetail.fromPartial({ code: 0xffff }));
    expect(error).toMatchObject({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' });
    expect(error.message).toBe(ERROR_TABLE.ERR_KWIK_PROTOCOL_VIOLATION.summary);
  });
});

describe("a peer's text", () => {
  test('comes on one line, without what deceives a terminal', () => {
    expect(presentable('a\r\nb\u001b[31mc\u202ed\u2028e', 100)).toBe('a b [31mc d e');
  });

  test('is cut to its bytes, never inside a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(40), (text, maxBytes) => {
        const shown = presentable(text, maxBytes);
        expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(maxBytes);
        expect(shown).not.toContain('\ufffd'.repeat(text.includes('\ufffd') ? 99 : 1));
      }),
    );
  });
});
