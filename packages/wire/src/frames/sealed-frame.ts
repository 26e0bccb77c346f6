import type { Frame, SealedFrame } from '../gen/kwik/v1/data.js';
import { check62, checkUint32, invalidFrame } from './frame-rules.js';

export interface SealedFrameOptions {
  /** Which of the rotating keys sealed it, unsigned 32 bits. */
  readonly keyPhase: number;
  /** Part of the nonce; never used twice under one key. */
  readonly sequence: bigint;
  /** Held, not copied. */
  readonly ciphertext: Uint8Array;
}

/** A packet sealed between client and anchor; a relay forwards it unread. */
export function sealedFrame(options: SealedFrameOptions): Frame {
  const { keyPhase, sequence, ciphertext } = options;
  return { body: { $case: 'sealed', value: { keyPhase, sequence, ciphertext } } };
}

export function checkSealedFrame(frame: SealedFrame): void {
  checkUint32(frame.keyPhase, 'key phase');
  check62(frame.sequence, 'sequence');
  if (frame.ciphertext.length === 0) throw invalidFrame('sealed frame is empty');
}
