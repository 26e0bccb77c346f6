import { testFrame } from '../test-support/frame-suite.js';
import { resetStreamFrame } from './reset-stream-frame.js';

testFrame('reset stream frame', {
  examples: [
    { what: 'one of stream 0', frame: resetStreamFrame({ streamId: 0n, code: 0, finalSize: 0n }), bytes: '2200' },
    {
      what: 'one with a code',
      frame: resetStreamFrame({ streamId: 4n, code: 66, finalSize: 300n }),
      bytes: '2207 0804 1042 18ac02',
    },
    {
      what: 'one with the largest code',
      frame: resetStreamFrame({ streamId: 4n, code: 0xffff_ffff, finalSize: 0n }),
      bytes: '2208 0804 10ffffffff0f',
    },
  ],
  broken: [
    {
      what: 'a stream id of 2^62',
      frame: resetStreamFrame({ streamId: 1n << 62n, code: 0, finalSize: 0n }),
      says: /stream id/,
    },
    {
      what: 'a final size of 2^62',
      frame: resetStreamFrame({ streamId: 0n, code: 0, finalSize: 1n << 62n }),
      says: /final size/,
    },
  ],
});
