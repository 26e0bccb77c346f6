import { copyOfBytes, KwikError, toPathId, type BytesLike } from '@kwik/wire';
import type { RawPacket } from '../api/session.js';
import type { Feature } from '../runtime/features/feature.js';
import { requireClient, type ClientSession } from './client-path.js';
import { PacketQueue } from '../runtime/waiting/packet-queue.js';

const RAW_TIMEOUT_MS = 5000;

export interface RawPacketsOptions {
  readonly maxPacketBytes: number;
  /** Always at the primary; at a secondary, what its token says. */
  readonly permitted: boolean;
  /** Throws when the primary knows that the server at the end of the path may get none. */
  readonly requireReceiver?: (pathId: number) => void;
}

/** K9 at a server: bytes for the server at the end of another path, which the client passes on. */
export class RawPackets implements Feature {
  readonly #session: ClientSession;
  readonly #options: RawPacketsOptions;
  readonly #queue = new PacketQueue<RawPacket>();

  constructor(session: ClientSession, options: RawPacketsOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** Since the session began. */
  get counts(): { received: number; dropped: number } {
    return this.#queue.counts;
  }

  onRawPacket(packet: RawPacket): void {
    this.#queue.push(packet);
  }

  onEnd(): void {
    this.#queue.end();
  }

  /** Waits for one; null when there is none and none will come. */
  next(): Promise<RawPacket | null> {
    return this.#queue.next();
  }

  /** Resolves when the client has passed it on. The bytes are copied before this returns. */
  async send(data: BytesLike, pathId: number): Promise<void> {
    const bytes = copyOfBytes(data, 'a raw packet');
    const { maxPacketBytes, permitted, requireReceiver } = this.#options;
    toPathId(pathId);
    if (bytes.length > maxPacketBytes) {
      throw new KwikError(
        'ERR_KWIK_PACKET_TOO_LARGE',
        `a raw packet of ${bytes.length} bytes; the most is ${maxPacketBytes}`,
      );
    }
    if (!permitted) {
      throw new KwikError('ERR_KWIK_PERMISSION_DENIED', 'the primary added this server without the raw capability');
    }
    requireReceiver?.(pathId);
    const client = requireClient(this.#session);
    await client.request('rawPacket', { pathId, data: bytes, sequence: 0n }, RAW_TIMEOUT_MS);
  }
}
