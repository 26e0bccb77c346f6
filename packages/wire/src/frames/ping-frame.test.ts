import { testFrame } from '../test-support/frame-suite.js';
import { pingFrame } from './ping-frame.js';

testFrame('ping frame', {
  examples: [
    { what: 'the first', frame: pingFrame({ sequence: 0n }), bytes: '3a00' },
    { what: 'a later one', frame: pingFrame({ sequence: 300n }), bytes: '3a03 08ac02' },
    { what: 'a reply', frame: pingFrame({ sequence: 300n, reply: true }), bytes: '3a05 08ac02 1001' },
  ],
  broken: [{ what: 'a sequence of 2^62', frame: pingFrame({ sequence: 1n << 62n }), says: /sequence/ }],
});
