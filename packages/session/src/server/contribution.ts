import { KwikError } from '@kwik/wire';
import type { Contribution } from '../api/session.js';
import type { StreamState } from '../core/streams/stream-state.js';
import type { SessionEngine } from '../runtime/engine.js';
import type { StreamHandle } from '../runtime/stream-handle.js';

/** A secondary's writing into a stream of the session, at offsets of its choice. */
export class StreamContribution implements Contribution {
  readonly #engine: SessionEngine;
  readonly #state: StreamState;
  readonly #handle: StreamHandle;
  #closed = false;

  constructor(engine: SessionEngine, state: StreamState) {
    this.#engine = engine;
    this.#state = state;
    this.#handle = engine.adopt(state);
  }

  async writeAt(offset: bigint, data: Uint8Array): Promise<void> {
    if (this.#closed) throw new KwikError('ERR_KWIK_STREAM_CLOSED', 'the contribution is closed');
    if (offset < 0n || offset + BigInt(data.length) > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `offset ${offset} is not from 0 to 2^53-1`);
    }
    const send = this.#state.send!;
    const at = Number(offset);
    while (!send.acceptsAt(at)) {
      this.#engine.assertOpen();
      await this.#handle.wait();
    }
    this.#engine.assertOpen();
    send.writeAt(at, data.slice());
    this.#engine.plane.offer(this.#state);
    this.#engine.wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#handle.flushed();
  }
}
