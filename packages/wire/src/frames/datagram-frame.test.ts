import { testFrame } from '../test-support/frame-suite.js';
import { datagramFrame, MAX_DATAGRAM_BYTES } from './datagram-frame.js';

testFrame('datagram frame', {
  examples: [
    { what: 'an empty one', frame: datagramFrame({ data: new Uint8Array(0), sequence: 0n }), bytes: '5a00' },
    {
      what: 'one',
      frame: datagramFrame({ data: Uint8Array.of(0xca, 0xfe), sequence: 7n }),
      bytes: '5a06 0a02cafe 1007',
    },
  ],
  broken: [
    {
      what: 'a sequence of 2^62',
      frame: datagramFrame({ data: new Uint8Array(0), sequence: 1n << 62n }),
      says: /sequence/,
    },
    {
      what: 'one that is too large',
      frame: datagramFrame({ data: new Uint8Array(MAX_DATAGRAM_BYTES + 1), sequence: 1n }),
      says: /16385 bytes; the most is 16384/,
    },
  ],
});
