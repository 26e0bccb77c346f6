import { testFrame } from '../test-support/frame-suite.js';
import { rawFrame } from './raw-frame.js';

testFrame('raw frame', {
  examples: [
    { what: 'an empty one', frame: rawFrame({ data: new Uint8Array(0), sequence: 0n }), bytes: '3200' },
    { what: 'one', frame: rawFrame({ data: Uint8Array.of(0xca, 0xfe), sequence: 7n }), bytes: '3206 0a02cafe 1007' },
    {
      what: 'one of the primary',
      frame: rawFrame({ data: Uint8Array.of(0xca), sequence: 7n, fromPathId: 0 }),
      bytes: '3207 0a01ca 1007 1800',
    },
    {
      what: 'one of a secondary',
      frame: rawFrame({ data: Uint8Array.of(0xca), sequence: 7n, fromPathId: 5 }),
      bytes: '3207 0a01ca 1007 1805',
    },
  ],
  broken: [
    { what: 'a sequence of 2^62', frame: rawFrame({ data: new Uint8Array(0), sequence: 1n << 62n }), says: /sequence/ },
  ],
});
