import { CONTROL_LIMITS, KwikError, type proto } from '@kwik/wire';
import type { EarlyData } from '../api/options.js';
import type { Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { bytesToWrite } from '../runtime/streams/bytes-to-write.js';
import type { StreamHandle } from '../runtime/streams/stream-handle.js';

/** As the hello has it. Throws ERR_KWIK_INVALID_ARGUMENT for what is too long. */
export function earlyData({ data, end = false }: EarlyData): proto.EarlyData {
  const bytes = bytesToWrite(data);
  const most = CONTROL_LIMITS.earlyBytes;
  if (bytes.length <= most) return { data: bytes, end };
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `early.data has ${bytes.length} bytes, and may have ${most}`);
}

/**
 * The stream whose first bytes went with the hello. It is opened before anything that the server sends is read, for that may be
 * the answer, and the bytes are written again: whether the server has taken them from the hello the client does not know.
 */
export class EarlyStream implements Feature {
  readonly #session: Pick<SessionContext, 'streams'>;
  readonly #early: proto.EarlyData;
  #tried = false;
  #opened: StreamHandle | undefined;

  constructor(session: Pick<SessionContext, 'streams'>, early: proto.EarlyData) {
    this.#session = session;
    this.#early = early;
  }

  /** Undefined before the first path, and where the server allows no stream. */
  get stream(): StreamHandle | undefined {
    return this.#opened;
  }

  onPathUp(): void {
    if (this.#tried) return;
    this.#tried = true;
    const { data, end } = this.#early;
    let stream: StreamHandle;
    try {
      stream = this.#session.streams.open({});
    } catch {
      return;
    }
    this.#opened = stream;
    // The server knows them, and their end, while they still wait here.
    stream.state.send?.assumeSent(data.length);
    // Whoever has the stream learns of its end there.
    stream.write(data).catch(() => undefined);
    if (end) stream.close().catch(() => undefined);
  }
}
