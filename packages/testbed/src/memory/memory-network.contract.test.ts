import { describe, test } from '@jest/globals';

import { memoryPairs } from '../test-support/memory-pair.js';
import { describePathTransportContract } from '../contract/path-transport-contract.js';
import type { LinkShape } from '../link/link-options.js';

const SHAPES: Readonly<Record<string, LinkShape>> = {
  '20 Mbit/s and 20 ms': { both: { rateBitsPerSecond: 20e6, delayMs: 10 } },
  'delay without a rate': { both: { delayMs: 3 } },
  'slow one way': { up: { rateBitsPerSecond: 2e6, delayMs: 60 }, down: { rateBitsPerSecond: 10e6, delayMs: 5 } },
};
for (const [name, shape] of Object.entries(SHAPES)) {
  describePathTransportContract(`MemoryNetwork, ${name}`, memoryPairs(shape), { describe, test });
}
