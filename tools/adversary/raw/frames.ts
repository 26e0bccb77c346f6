import { randomBytes } from 'node:crypto';
import { encodeVarint } from './varint.js';

const RESET_TOKEN = Buffer.alloc(16, 1);

export function streamFrame(id: bigint, offset: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x0e]), encodeVarint(id), encodeVarint(offset), encodeVarint(data.length), data]);
}

export function cryptoFrame(data: Buffer, offset: bigint | number = 0): Buffer {
  return Buffer.concat([Buffer.from([0x06]), encodeVarint(offset), encodeVarint(data.length), data]);
}

export function newConnectionIdFrame(sequence: bigint | number, retirePriorTo: bigint | number, id: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([0x18]),
    encodeVarint(sequence),
    encodeVarint(retirePriorTo),
    Buffer.from([id.length]),
    id,
    RESET_TOKEN,
  ]);
}

export function retireConnectionIdFrame(sequence: number): Buffer {
  return Buffer.concat([Buffer.from([0x19]), encodeVarint(sequence)]);
}

export function pathChallengeFrame(): Buffer {
  return Buffer.concat([Buffer.from([0x1a]), randomBytes(8)]);
}

export const pingFrame = Buffer.from([0x01]);

/** RESET_STREAM of a stream that holds nothing. */
export function resetStreamFrame(id: bigint | number): Buffer {
  return Buffer.concat([Buffer.from([0x04]), encodeVarint(id), Buffer.from([0, 0])]);
}
