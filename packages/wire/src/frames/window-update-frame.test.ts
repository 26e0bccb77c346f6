import { testFrame } from '../test-support/frame-suite.js';
import { windowUpdateFrame } from './window-update-frame.js';

testFrame('window update frame', {
  examples: [
    { what: 'one of a stream', frame: windowUpdateFrame({ streamId: 4n, maxOffset: 300n }), bytes: '1a05 0804 10ac02' },
    // An optional field is on the wire even when it is 0: stream 0 is not the session.
    { what: 'one of stream 0', frame: windowUpdateFrame({ streamId: 0n, maxOffset: 300n }), bytes: '1a05 0800 10ac02' },
    { what: 'one of the session', frame: windowUpdateFrame({ maxOffset: 300n }), bytes: '1a03 10ac02' },
    {
      what: 'the largest',
      frame: windowUpdateFrame({ maxOffset: (1n << 62n) - 1n }),
      bytes: '1a0a 10ffffffffffffffff3f',
    },
  ],
  broken: [
    {
      what: 'a stream id of 2^62',
      frame: windowUpdateFrame({ streamId: 1n << 62n, maxOffset: 0n }),
      says: /stream id/,
    },
    { what: 'a window of 2^62', frame: windowUpdateFrame({ maxOffset: 1n << 62n }), says: /window/ },
  ],
});
