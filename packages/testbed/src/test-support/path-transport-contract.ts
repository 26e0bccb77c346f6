import { describe, test } from '@jest/globals';

import type { MakePair } from '../contract/contract-case.js';
import { describePathTransportContract as describeContract } from '../contract/path-transport-contract.js';

export type { MakePair, PairOptions, TransportPair } from '../contract/contract-case.js';

/** The contract as tests of Jest. */
export function describePathTransportContract(name: string, makePair: MakePair): void {
  describeContract(name, makePair, { describe, test });
}
