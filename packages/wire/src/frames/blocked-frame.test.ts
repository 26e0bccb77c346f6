import { testFrame } from '../test-support/frame-suite.js';
import { blockedFrame } from './blocked-frame.js';

testFrame('blocked frame', {
  examples: [
    { what: 'one of a stream', frame: blockedFrame({ streamId: 4n, limit: 300n }), bytes: '4205 0804 10ac02' },
    { what: 'one of stream 0', frame: blockedFrame({ streamId: 0n, limit: 300n }), bytes: '4205 0800 10ac02' },
    { what: 'one of the session', frame: blockedFrame({ limit: 300n }), bytes: '4203 10ac02' },
  ],
  broken: [
    { what: 'a stream id of 2^62', frame: blockedFrame({ streamId: 1n << 62n, limit: 0n }), says: /stream id/ },
    { what: 'a limit of 2^62', frame: blockedFrame({ limit: 1n << 62n }), says: /limit/ },
  ],
});
