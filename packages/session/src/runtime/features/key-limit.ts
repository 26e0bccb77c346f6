import { KwikError } from '@kwik/wire';
import type { PathRuntime } from '../paths/path-runtime.js';
import type { Feature } from './feature.js';

/** Packets that may go out between two looks, as a share of those that may go out at all. */
const MARGIN = 1 / 64;

type KeyedPath = Pick<PathRuntime, 'address' | 'die'> & { readonly keys: { readonly sentPackets: number } };

/** No path sends more under one key than is safe (RFC 9001, section 6.6): it is closed first, and connected again. */
export class KeyLimit implements Feature {
  readonly #paths: { values(): Iterable<KeyedPath> };
  readonly #maxPackets: number;

  constructor({ paths }: { readonly paths: { values(): Iterable<KeyedPath> } }, packetsPerKey: number) {
    this.#paths = paths;
    this.#maxPackets = Math.floor(packetsPerKey * (1 - MARGIN));
  }

  plan(): undefined {
    let spent: KeyedPath[] | undefined;
    for (const path of this.#paths.values()) if (path.keys.sentPackets >= this.#maxPackets) (spent ??= []).push(path);
    for (const path of spent ?? []) {
      const reason = `no more packets may be sent to ${path.address} under the keys of this connection`;
      path.die(new KwikError('ERR_KWIK_PATH_DEAD', reason));
    }
  }
}
