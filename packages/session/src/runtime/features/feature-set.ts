import { KwikError, type PathId, type StreamId } from '@kwik/wire';
import type { CloseInfo, RawPacket, ReplicaSource } from '../../api/session.js';
import type { StreamState } from '../../core/streams/stream-state.js';
import type { PathRuntime } from '../paths/path-runtime.js';
import type { ContentStream } from '../streams/stream-host.js';
import { earlierTime } from '../waiting/earlier-time.js';
import type { Feature } from './feature.js';

/** The features of a session as one. */
export class FeatureSet implements Required<Omit<Feature, 'handlers'>> {
  readonly #features: readonly Feature[];
  /** Asked in every turn, so those that plan nothing are left out. */
  readonly #planners: readonly Feature[];

  constructor(features: readonly Feature[]) {
    this.#features = features;
    this.#planners = features.filter((feature) => feature.plan !== undefined);
  }

  onPathUp(path: PathRuntime): void {
    for (const feature of this.#features) feature.onPathUp?.(path);
  }

  onPathDead(path: PathRuntime): void {
    for (const feature of this.#features) feature.onPathDead?.(path);
  }

  keepsOverdue(path: PathRuntime): boolean {
    return this.#features.some((feature) => feature.keepsOverdue?.(path) === true);
  }

  onPathHealth(path: PathRuntime, changed: 'state' | 'flow'): void {
    for (const feature of this.#features) feature.onPathHealth?.(path, changed);
  }

  onStreamOpened(stream: StreamState): void {
    for (const feature of this.#features) feature.onStreamOpened?.(stream);
  }

  onRawPacket(packet: RawPacket): void {
    for (const feature of this.#features) feature.onRawPacket?.(packet);
  }

  onRange(pathId: PathId, streamId: StreamId, offset: number, data: Uint8Array, now: number): number {
    for (const feature of this.#features) {
      const wanted = feature.onRange?.(pathId, streamId, offset, data, now);
      if (wanted !== undefined) return wanted;
    }
    return 0;
  }

  sendContent(stream: ContentStream, key: string, source: ReplicaSource, end: boolean): Promise<void> {
    for (const feature of this.#features) {
      const sent = feature.sendContent?.(stream, key, source, end);
      if (sent !== undefined) return sent;
    }
    return Promise.reject(new KwikError('ERR_KWIK_INVALID_STATE', 'sendFrom is for the primary of a session'));
  }

  plan(now: number): number | undefined {
    let next: number | undefined;
    for (const planner of this.#planners) next = earlierTime(next, planner.plan?.(now));
    return next;
  }

  onEnd(info: CloseInfo): void {
    for (const feature of this.#features) feature.onEnd?.(info);
  }
}
