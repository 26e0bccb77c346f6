import { testFrame } from '../test-support/frame-suite.js';
import { sealedFrame } from './sealed-frame.js';

const ciphertext = Uint8Array.of(0xca, 0xfe);

testFrame('sealed frame', {
  examples: [
    { what: 'the first', frame: sealedFrame({ keyPhase: 0, sequence: 0n, ciphertext }), bytes: '4a04 1a02cafe' },
    {
      what: 'one of a later key',
      frame: sealedFrame({ keyPhase: 2, sequence: 300n, ciphertext }),
      bytes: '4a09 0802 10ac02 1a02cafe',
    },
  ],
  broken: [
    {
      what: 'nothing sealed',
      frame: sealedFrame({ keyPhase: 0, sequence: 0n, ciphertext: ciphertext.subarray(2) }),
      says: /empty/,
    },
    {
      what: 'a sequence of 2^62',
      frame: sealedFrame({ keyPhase: 0, sequence: 1n << 62n, ciphertext }),
      says: /sequence/,
    },
  ],
});
