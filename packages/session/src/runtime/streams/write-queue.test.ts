import { describe, expect, it } from '@jest/globals';
import { toStreamId, type KwikError } from '@kwik/wire';
import { MemoryLedger } from '../../core/costs/memory-ledger.js';
import { SendHalf } from '../../core/streams/send-half.js';
import { MAX_WAITING_WRITE_BYTES, WriteQueue } from './write-queue.js';

const BUFFER = 1000;

/** A queue over a send half whose bytes are taken only by `drain`. */
function queue(bufferBytes = BUFFER, ledger = new MemoryLedger()) {
  const ahead = ledger.open(() => undefined).writing;
  const send = new SendHalf(toStreamId(0n), { maxOffset: Number.MAX_SAFE_INTEGER, bufferBytes, ahead });
  const writes = new WriteQueue({ send, assertOpen: () => undefined, onWritten: () => undefined });
  const drain = (): Uint8Array => {
    const sent: Uint8Array[] = [];
    for (let piece = send.take(1e9); piece !== undefined; piece = send.take(1e9)) {
      sent.push(Uint8Array.from(piece.data));
      writes.pump();
    }
    return Buffer.concat(sent);
  };
  return { send, writes, drain };
}

const refused = (code: string): unknown => expect.objectContaining({ code });

describe('WriteQueue', () => {
  it('takes at once what there is room for, and the rest in order', async () => {
    const { writes, drain } = queue();
    await writes.write(Uint8Array.of(1, 2));
    const waiting = [writes.write(new Uint8Array(BUFFER).fill(3)), writes.write(Uint8Array.of(4))];
    expect(writes.idle).toBe(false);
    const sent = drain();
    await Promise.all(waiting);
    expect(writes.idle).toBe(true);
    expect([sent.length, sent[0], sent[1], sent[2], sent.at(-1)]).toEqual([BUFFER + 3, 1, 2, 3, 4]);
  });

  it('is bounded by the bytes that wait, however many writes they are, and sends nothing of what it refuses', async () => {
    const { writes, drain } = queue();
    const outcomes: Promise<string>[] = [];
    const write = (bytes: Uint8Array): void => {
      outcomes.push(
        writes.write(bytes).then(
          () => 'written',
          (error: unknown) => (error as KwikError).code,
        ),
      );
    };
    write(new Uint8Array(MAX_WAITING_WRITE_BYTES - 1_000_000));
    for (let count = 0; count < 5000; count++) write(Uint8Array.of(1));
    write(new Uint8Array(1_000_000).fill(2));
    write(Uint8Array.of(3));
    const sent = drain();
    const all = await Promise.all(outcomes);
    expect(all.filter((outcome) => outcome === 'written')).toHaveLength(5002);
    expect(all.at(-2)).toBe('ERR_KWIK_LIMIT_EXCEEDED');
    expect(sent.includes(2)).toBe(false);
    expect(sent.filter((byte) => byte === 1)).toHaveLength(5000);
  });

  it('takes a write of any size when nothing waits before it', async () => {
    const { writes, send } = queue();
    void writes.write(new Uint8Array(MAX_WAITING_WRITE_BYTES + 1)).catch(() => undefined);
    expect(send.queuedBytes).toBe(BUFFER);
    await expect(writes.write(Uint8Array.of(1))).rejects.toEqual(refused('ERR_KWIK_LIMIT_EXCEEDED'));
  });

  it('takes whole or not at all what is to be whole and fits the buffer', async () => {
    const { writes, send, drain } = queue();
    await writes.write(new Uint8Array(BUFFER - 10));
    const abort = new AbortController();
    const whole = writes.write(new Uint8Array(20).fill(7), { signal: abort.signal, whole: true });
    const behind = writes.write(Uint8Array.of(8));
    expect(send.queuedBytes).toBe(BUFFER - 10);
    abort.abort();
    await expect(whole).rejects.toEqual(refused('ERR_KWIK_ABORTED'));
    await behind;
    expect([...drain()].filter((byte) => byte > 0)).toEqual([8]);
  });

  it('takes whole what fits the buffer once that is empty, though the session may have less ahead', async () => {
    const { writes, send, drain } = queue(100_000, new MemoryLedger({ writeAheadBytes: 40_000 }));
    const { signal } = new AbortController();
    await writes.write(new Uint8Array(90_000).fill(1), { signal, whole: true });
    expect(send.queuedBytes).toBe(90_000);
    const second = writes.write(new Uint8Array(30_000).fill(2), { signal, whole: true });
    const third = writes.write(new Uint8Array(100_000).fill(3));
    expect(send.queuedBytes).toBe(90_000);
    const sent = drain();
    await Promise.all([second, third]);
    expect(sent).toEqual(Buffer.concat([Buffer.alloc(90_000, 1), Buffer.alloc(30_000, 2), Buffer.alloc(100_000, 3)]));
  });

  it('rejects all that wait when nothing can be written any more', async () => {
    const { writes, send } = queue();
    const waiting = [1, 2, 3].map((size) => writes.write(new Uint8Array(size * BUFFER)));
    send.handleStopSending(4);
    send.reset(4);
    writes.pump();
    const outcomes = await Promise.allSettled(waiting);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'ERR_KWIK_STREAM_STOPPED', applicationCode: 4 } });
  });
});
