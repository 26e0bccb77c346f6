import { CONTROL_LIMITS, KwikError, type proto } from '@kwik/wire';
import type { DialOptions, EarlyData } from '../api/options.js';
import type { StreamIntent } from '../api/session.js';
import { checkIntent, intentToProto } from '../core/streams/stream-intent.js';
import type { Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { bytesToWrite } from '../runtime/streams/bytes-to-write.js';
import type { StreamHandle } from '../runtime/streams/stream-handle.js';
import type { DialSpecials } from './dial-specials.js';

/** Early data that was checked. */
export interface CheckedEarly {
  readonly hello: proto.EarlyData;
  readonly intent: StreamIntent | undefined;
  /** It may be sent before the server has answered, and again by others. */
  readonly repeatable: boolean;
}

/** What a dial's hellos bring, the same each. Throws ERR_KWIK_INVALID_ARGUMENT where the options alone show that it is too long. */
export function earlyOf(
  { early }: Pick<DialOptions, 'early'>,
  specials: Pick<DialSpecials, 'early'>,
): () => CheckedEarly | undefined {
  let asked = specials.early === undefined;
  let known = asked && early !== undefined ? earlyData(early) : undefined;
  return () => {
    const late = asked ? undefined : specials.early?.();
    asked = true;
    if (late !== undefined) known = earlyData(late);
    return known;
  };
}

/** Throws ERR_KWIK_INVALID_ARGUMENT for what is too long, and an intent that cannot be. */
function earlyData({ data, end = false, intent, repeatable = false }: EarlyData): CheckedEarly {
  const bytes = bytesToWrite(data);
  const most = CONTROL_LIMITS.earlyBytes;
  if (bytes.length > most)
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `early.data has ${bytes.length} bytes, and may have ${most}`);
  const checked = intent === undefined ? undefined : intentToProto(checkIntent(intent));
  return { hello: { data: bytes, end, intent: checked }, intent, repeatable };
}

/**
 * The stream whose first bytes went with the hello. It is opened before anything that the server sends is read, for that may be
 * the answer, and the bytes are written again: whether the server has taken them from the hello the client does not know.
 */
export class EarlyStream implements Feature {
  readonly #session: Pick<SessionContext, 'streams'>;
  readonly #early: CheckedEarly;
  #tried = false;
  #opened: StreamHandle | undefined;

  constructor(session: Pick<SessionContext, 'streams'>, early: CheckedEarly) {
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
    const { hello, intent } = this.#early;
    const { data, end } = hello;
    let stream: StreamHandle;
    try {
      stream = this.#session.streams.open(intent === undefined ? {} : { intent });
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
