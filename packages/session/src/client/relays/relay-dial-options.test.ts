import { expect, test } from '@jest/globals';
import type { DialOptions } from '../../api/options.js';
import { relayDialOptions } from './relay-dial-options.js';

test('a relay gets nothing that is meant for the primary: no early data, no further paths', () => {
  const options: DialOptions = {
    early: { data: 'for the primary' },
    paths: { alternatives: ['b:1'], relays: [{ address: 'r:1' }] },
  };
  const forRelay = relayDialOptions(options, { address: 'r:1' });
  expect(forRelay).not.toHaveProperty('early');
  expect(forRelay.paths?.alternatives ?? []).toEqual([]);
  expect(forRelay.paths?.relays ?? []).toEqual([]);
});
