import type { Session, Stream } from '@kwik/session';
import { CONTROL_LIMITS } from '@kwik/wire';
import type { KwikUrl } from '../address.js';
import { encodeRequest } from '../protocol/framing.js';
import { jobForFile } from './jobs.js';
import type { GetOptions, GetPlan } from './options.js';
import { findPart } from './part-name.js';
import { lookAt } from './target.js';

/**
 * The request that goes with the hello of a session, and is answered a round trip sooner. A server may get it twice, or several
 * servers once: reading changes nothing there.
 */
export class EarlyRequest {
  readonly bytes: Uint8Array;
  #stream: Stream | undefined;

  private constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Undefined for what is too long for a hello. */
  static of(request: object): EarlyRequest | undefined {
    const bytes = encodeRequest(request);
    return bytes.length <= CONTROL_LIMITS.earlyBytes ? new EarlyRequest(bytes) : undefined;
  }

  /** The session that was dialled with it. */
  opened({ early }: Pick<Session, 'early'>): void {
    this.#stream = early;
  }

  /** For who asks first: the stream on which just these bytes were sent. For other bytes it is dropped. */
  take(bytes: Uint8Array): Stream | undefined {
    const stream = this.#stream;
    if (Buffer.compare(bytes, this.bytes) !== 0) {
      this.drop();
      return undefined;
    }
    this.#stream = undefined;
    return stream;
  }

  /** Nobody asks that any more. */
  drop(): void {
    this.#stream?.reset();
    this.#stream?.stopSending();
    this.#stream = undefined;
  }
}

/** What `kwik get` is going to ask first, where that is certain without a look at the server: one folder, or one new file. */
export async function firstRequest(plan: GetPlan, options: GetOptions): Promise<EarlyRequest | undefined> {
  const [url, ...others] = plan.urls;
  if (url === undefined || others.length > 0) return undefined;
  if (options.recursive) return EarlyRequest.of({ op: 'list', path: folderOf(url) });
  // What cannot be written to is told when its turn comes.
  const isNew = await isNewFile(url, options).catch(() => false);
  return isNew ? EarlyRequest.of({ op: 'get', path: url.path, offset: 0, apart: true }) : undefined;
}

/** As a server is asked for it. */
export function folderOf({ path }: KwikUrl): string {
  return path.replace(/\/+$/u, '');
}

/** Whether the whole of it will be asked for. */
async function isNewFile(url: KwikUrl, { output, dir, force }: GetOptions): Promise<boolean> {
  const { target } = jobForFile(url, output, dir);
  if (target === undefined) return true;
  const there = await lookAt(target);
  if (there.kind !== 'file' || (there.mode !== undefined && !force)) return false;
  const { note } = await findPart(there.path, () => false);
  return note === undefined;
}
