import { testFrame } from '../test-support/frame-suite.js';
import { maxStreamsFrame } from './max-streams-frame.js';

testFrame('max streams frame', {
  examples: [
    { what: 'none', frame: maxStreamsFrame({ unidirectional: false, maxStreams: 0n }), bytes: '5200' },
    { what: 'one', frame: maxStreamsFrame({ unidirectional: true, maxStreams: 100n }), bytes: '5204 0801 1064' },
    {
      what: 'the most there can be',
      frame: maxStreamsFrame({ unidirectional: false, maxStreams: 1n << 60n }),
      bytes: '520a 10808080808080808010',
    },
  ],
  broken: [
    {
      what: 'more streams than can be numbered',
      frame: maxStreamsFrame({ unidirectional: false, maxStreams: (1n << 60n) + 1n }),
      says: /stream count/,
    },
  ],
});
