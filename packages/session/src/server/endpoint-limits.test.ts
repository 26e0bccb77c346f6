import { expect, test } from '@jest/globals';
import { DEFAULT_LIMITS } from '@kwik/quic';
import { endpointLimits } from './endpoint-limits.js';

test('with nothing told the socket keeps its own bounds, and one address gets a quarter of the sessions', () => {
  expect(endpointLimits()).toEqual({ maxConnectionsPerAddress: 2_500, maxConnectionsFromOwnMachine: 10_000 });
  expect(endpointLimits({ backlog: 3, maxStreams: 9 })).toEqual({
    maxConnectionsPerAddress: 2_500,
    maxConnectionsFromOwnMachine: 10_000,
  });
});

test('more sessions take more connections; fewer leave room for clients that change networks', () => {
  expect(endpointLimits({ maxSessions: 50_000 })).toEqual({
    maxConnections: 100_000,
    maxConnectionsPerAddress: 12_500,
    maxConnectionsFromOwnMachine: 50_000,
  });
  expect(endpointLimits({ maxSessions: 1 })).toEqual({
    maxConnections: DEFAULT_LIMITS.maxConnections,
    maxConnectionsPerAddress: 1,
    maxConnectionsFromOwnMachine: 10_000,
  });
});

test('what one address may do is an option', () => {
  expect(endpointLimits({ maxConnectionsPerAddress: 5, handshakesPerSecondPerAddress: 300 })).toEqual({
    maxConnectionsPerAddress: 5,
    initialsPerSecondPerAddress: 300,
    initialsBurstPerAddress: 600,
  });
});
