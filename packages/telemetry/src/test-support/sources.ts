import type { ComponentSource, PathReading, SessionReading, SessionRole, SessionSource } from '@kwik/wire';

export function pathReading(overrides: Partial<PathReading> = {}): PathReading {
  return {
    pathId: 0,
    address: '192.0.2.1:4433',
    server: 'north',
    primary: true,
    state: 'active',
    flow: 'steady',
    reason: 'validated',
    unused: '',
    sinceMs: 0,
    rttMs: 20,
    minRttMs: 18,
    rttVarMs: 2,
    lossRate: 0.01,
    windowBytes: 60_000,
    inFlightBytes: 30_000,
    receivedBytesPerSecond: 1_000_000,
    deliveryRateBytesPerSecond: 2_000_000,
    datagramBytes: 1350,
    realStreams: 2,
    sentBytes: 1000,
    receivedBytes: 2000,
    duplicateBytes: 30,
    reinjectedBytes: 40,
    wireSentBytes: 5000,
    wireReceivedBytes: 6000,
    sentPackets: 70,
    keyPackets: 70,
    renewals: 0,
    certificateUntilMs: 0,
    lostPackets: 8,
    ...overrides,
  };
}

export function sessionReading(overrides: Partial<SessionReading> = {}): SessionReading {
  return {
    sessionId: 'a1b2c3d4e5f60718',
    role: 'client',
    openedAtMs: 0,
    nowMs: 10_000,
    streams: 3,
    paths: [pathReading()],
    service: { level: 'full', reason: '' },
    lost: () => [],
    departed: new Map(),
    counts: {
      decisions: { 'first-arrival': 5, 'wait-for-better': 1 },
      failovers: { stalled: 1 },
      violations: { ERR_KWIK_INVALID_FRAME: 1 },
      contents: { ok: 2 },
    },
    ...overrides,
  };
}

export function session(role: SessionRole = 'client', paths = [pathReading()]): SessionSource {
  return { kind: 'session', role, read: () => sessionReading({ role, paths }) };
}

export const ENDPOINT: ComponentSource = {
  kind: 'component',
  component: 'endpoint',
  read: () => ({
    counts: {
      datagrams: { sent: 1, received: 2 },
      datagramBytes: { sent: 3, received: 4 },
      dropped: { malformed: 5 },
      socketErrors: { ECONNREFUSED: 6 },
      connections: { accepted: 7 },
      answers: { retry: 8 },
      handlerErrors: { all: 9 },
    },
    levels: { connections: { open: 2, halfOpen: 1 } },
  }),
};

export const LISTENER: ComponentSource = {
  kind: 'component',
  component: 'listener',
  read: () => ({
    counts: {
      tokens: { accepted: 1 },
      bounds: { initials: 2 },
      memoryOverdrawn: { sessions: 3 },
      callbackErrors: { all: 4 },
    },
    levels: { memoryBytes: { held: 5 } },
  }),
};

export const RELAY: ComponentSource = {
  kind: 'component',
  component: 'relay',
  read: () => ({ counts: { forwarded: { datagrams: 10 } }, levels: { flows: { open: 2 } } }),
};
