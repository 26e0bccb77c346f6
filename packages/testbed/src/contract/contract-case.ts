import assert from 'node:assert/strict';

import type { PathTransport } from '@kwik/wire';

import { SeededRandom } from '../random/seeded-random.js';
import type { RecordingSide, RecordingStream } from './recording-handlers.js';

/** What a case asks of its pair; times in milliseconds, sizes in bytes. */
export interface PairOptions {
  readonly streamWindowBytes?: number;
  readonly connectionWindowBytes?: number;
  readonly maxBidiStreams?: number;
  readonly maxUniStreams?: number;
  readonly idleTimeoutMs?: number;
}

/** Two ends of one connection, nothing attached yet. */
export interface TransportPair {
  readonly client: PathTransport;
  readonly server: PathTransport;
  /** Lets time pass, virtual or real, until `condition` holds; rejects when it does not in good time. */
  until(condition: () => boolean): Promise<void>;
  /** Lets `ms` milliseconds pass. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

export type MakePair = (options: PairOptions) => Promise<TransportPair>;

export interface RecordedPair {
  readonly pair: TransportPair;
  readonly client: RecordingSide;
  readonly server: RecordingSide;
}

export interface ContractWorld {
  make(options?: PairOptions): Promise<RecordedPair>;
  /** With a handler on both sides. */
  makeAttached(options?: PairOptions): Promise<RecordedPair>;
}

export interface ContractCase {
  readonly name: string;
  /** Throws an AssertionError when the contract is broken. */
  run(world: ContractWorld): Promise<void>;
}

/** What the bytes of a case are made of. */
export function content(length: number, seed = length): Uint8Array {
  return new SeededRandom(seed).bytes(length);
}

export function must<T>(value: T | undefined): T {
  assert.notEqual(value, undefined, 'this was expected to be there');
  return value as T;
}

/** Without the cost of a deep comparison. */
export function expectSame(stream: RecordingStream | undefined, expected: Uint8Array): void {
  const actual = must(stream).data;
  assert.equal(actual.length, expected.length);
  assert.ok(Buffer.compare(actual, expected) === 0, 'the bytes differ');
}
