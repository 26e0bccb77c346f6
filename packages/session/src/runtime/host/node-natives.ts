import { createHash } from 'node:crypto';
import { constants, crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Natives } from '../../core/natives.js';

/** Node's implementations of what the core takes as arguments. */
export const NODE_NATIVES: Natives = {
  crc32,
  sha256: (bytes) => createHash('sha256').update(bytes).digest(),
  deflate: (bytes) => deflateRawSync(bytes, { level: constants.Z_BEST_SPEED }),
  inflate: (bytes, maxBytes) => inflateRawSync(bytes, { maxOutputLength: maxBytes }),
};
