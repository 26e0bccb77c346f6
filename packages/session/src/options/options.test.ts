import { describe, expect, test } from '@jest/globals';
import { noneClientAuth, noneServerAuth } from '@kwik/kcp';
import { createDiscovery, staticList } from '@kwik/discovery';
import { systemClock } from '@kwik/quic';
import { ChaosWorld } from '@kwik/testbed/chaos';
import { createScheduler } from '@kwik/scheduler';
import type { DialOptions, ListenOptions } from '../api/options.js';
import { dial } from '../client/dial.js';
import { listen } from '../server/listen.js';
import { checkStandby } from '../server/takeover/check-standby.js';
import { checkDialOptions } from './dial-rules.js';
import { checkListenOptions } from './listen-rules.js';

const INVALID = 'ERR_KWIK_INVALID_ARGUMENT';

/** Every option there is: the compiler notices when one is missing here. */
type Complete<Options> = {
  readonly [Name in keyof Options]-?: NonNullable<Options[Name]> extends (...args: never[]) => unknown
    ? NonNullable<Options[Name]>
    : NonNullable<Options[Name]> extends readonly unknown[] | AbortSignal | Uint8Array | string | number | boolean
      ? NonNullable<Options[Name]>
      : Required<NonNullable<Options[Name]>>;
};

const COMMON = {
  writes: { routing: 'distributed', scheduler: () => createScheduler(), compression: 'auto' },
  transport: {
    congestionControl: 'cubic',
    pacing: false,
    datagramBytes: 1200,
    longDatagrams: true,
    carefulResume: true,
    io: 'dgram',
  },
  diagnostics: { offsetMap: true },
  guard: {
    audit: { record: () => undefined, fault: undefined },
    access: { decide: () => ({ allowed: true as const, rule: 'all', limits: {} }) },
    servers: { refusal: () => undefined, observe: () => undefined },
  },
} as const;
const TIMEOUTS = { handshakeMs: 1, idleMs: 0, recoveryMs: 0, closeMs: 0.5 };
const LIMITS = {
  streamWindowBytes: 1_000_000,
  pathWindowBytes: 1_000_000,
  sendBufferBytes: 1,
  maxStreams: 1,
  maxPaths: 1,
  maxRawPacketBytes: 1,
  packetsPerKey: 128,
};

const RUNTIME = {
  clock: systemClock(),
  random: () => 0.5,
  wallClockMs: () => 0,
  network: new ChaosWorld().host('10.0.0.1').runtime.network,
};

const DIAL: Complete<DialOptions> = {
  ...COMMON,
  trust: {
    ...{ ca: 'PEM', trustDomains: { 'example.org': 'PEM' }, pins: ['pin'], serverName: 'name', namedBy: '192.0.2.1' },
    allowTargets: ['loopback', 'link-local', 'private'],
  },
  auth: [noneClientAuth()],
  signal: new AbortController().signal,
  timeouts: { ...TIMEOUTS, dialMs: 1 },
  discovery: createDiscovery({ sources: [staticList([])] }),
  early: { data: new ArrayBuffer(2), end: true, intent: { mode: 'fast' }, repeatable: true },
  resumption: true,
  overload: { memoryBytes: 1, eventLoopDelayMs: 1, process: false, onChange: () => undefined },
  paths: {
    localAddress: '127.0.0.1',
    localAddresses: ['127.0.0.2'],
    extra: [{ localAddress: '127.0.0.3' }, { address: 'host:1' }],
    alternatives: ['host:2'],
    relays: [{ address: 'host:3', auth: [noneClientAuth()] }],
    resolve: () => false,
    onRefused: () => undefined,
  },
  limits: {
    ...LIMITS,
    rawPacketsPerSecond: 1,
    rawBytesPerSecond: 1,
    commandedDialsPerMinute: 1,
    failedCommandedDials: 1,
  },
  runtime: RUNTIME,
};

const LISTEN: Complete<ListenOptions> = {
  ...COMMON,
  earlyData: true,
  host: '127.0.0.1',
  port: 0,
  directory: { select: () => undefined } as never,
  credentials: { cert: 'PEM', key: 'PEM' },
  auth: [noneServerAuth()],
  replica: () => undefined,
  takeover: {
    fleetKeys: [new Uint8Array(32)],
    standby: { address: 'b:1', serverName: 'b' },
    onStandbyUnable: () => undefined,
    ticketLifeMs: 60_000,
  },
  scaling: {
    candidates: [
      {
        address: 'a:1',
        pricePerGb: 0,
        monthlyCapBytes: 1,
        metered: true,
        alternatives: ['b:1'],
        serverName: 'a',
      },
    ],
    directory: { selectNow: () => undefined, onChange: () => undefined, observe: () => undefined } as never,
    query: { region: '', zone: '', tags: [], maxLoad: 1, exclude: [] },
    maxPaths: 1,
    model: { predict: () => 0 },
    spending: { month: '2026-11', bytes: { 'a:1': 5 } },
    history: { load: () => undefined, save: () => undefined },
    onSpending: () => undefined,
    onDecision: () => undefined,
  },
  onRefused: () => undefined,
  trust: { ca: 'PEM', keys: [new Uint8Array(32)], names: ['name'], trustDomains: { 'example.org': 'PEM' } },
  identity: { serverId: 'me', audiences: ['host:1'], resetKey: new Uint8Array(32) },
  relays: [{ address: 'host:1', serverName: 'host', traffic: { anchors: ['host:1'], maxBytes: 1 } }],
  worker: { onDrain: () => undefined } as never,
  relay: { anchors: ['host:1'], maxBytes: 1, maxBytesPerSecond: 1, maxDurationMs: 1, forClients: false },
  overload: { memoryBytes: 1, eventLoopDelayMs: 1, connections: 1, process: false, onChange: () => undefined },
  timeouts: TIMEOUTS,
  limits: {
    ...LIMITS,
    maxSessions: 0,
    backlog: 0,
    maxConnectionsPerAddress: 0,
    handshakesPerSecondPerAddress: 0,
  },
  runtime: RUNTIME,
};

describe('what dial and listen take', () => {
  test('every member of every group', () => {
    checkDialOptions(DIAL);
    checkListenOptions(LISTEN);
  });

  test('a member that is undefined counts as absent, in a group as well', () => {
    checkDialOptions({ trust: undefined, paths: { localAddress: undefined } } as object);
  });

  test.each([
    ['trust', { trust: 'ca' }, "the option trust of dial cannot be 'ca': it takes an object of ca, pins, serverName"],
    ['trust.ca', { trust: { ca: new Uint8Array(1) } }, 'it takes a string'],
    ['trust.pins', { trust: { pins: 'pin' } }, 'it takes a list'],
    ['trust.pins[1]', { trust: { pins: ['pin', 7] } }, 'cannot be 7: it takes a string'],
    ['trust.allowTargets[0]', { trust: { allowTargets: ['all'] } }, "'loopback' or 'link-local' or 'private'"],
    ['auth', { auth: noneClientAuth() }, 'it takes a list'],
    ['auth[0]', { auth: [noneClientAuth] }, 'cannot be of type function: it takes an object with begin'],
    ['signal', { signal: true }, 'it takes an object with addEventListener and throwIfAborted'],
    ['timeouts.recoveryMs', { timeouts: { recoveryMs: -1 } }, 'it takes a number of milliseconds, 0 or more'],
    ['timeouts.closeMs', { timeouts: { closeMs: Infinity } }, 'it takes a number of milliseconds, 0 or more'],
    ['timeouts.handshakeMs', { timeouts: { handshakeMs: 0 } }, 'it takes a whole number of milliseconds, above 0'],
    ['timeouts.handshakeMs', { timeouts: { handshakeMs: 2 ** 31 } }, 'at most 2147483647'],
    ['timeouts.idleMs', { timeouts: { idleMs: 2 ** 31 } }, 'at most 2147483647'],
    ['timeouts.recoveryMs', { timeouts: { recoveryMs: 30 * 86_400_000 } }, 'at most 2147483647'],
    ['paths.extra[0].address', { paths: { extra: [{ address: 4433 }] } }, 'it takes a string'],
    ['paths.resolve', { paths: { resolve: 'host:1' } }, 'it takes a function'],
    ['writes.routing', { writes: { routing: 'all' } }, "it takes 'primary' or 'distributed'"],
    ['writes.scheduler', { writes: { scheduler: {} } }, 'it takes a string or a function'],
    ['limits.maxStreams', { limits: { maxStreams: 1.5 } }, 'it takes a whole number above 0'],
    ['transport.pacing', { transport: { pacing: 1 } }, 'it takes true or false'],
    ['diagnostics', { diagnostics: true }, 'cannot be true: it takes an object of offsetMap'],
    ['runtime.clock', { runtime: { clock: Date } }, 'it takes an object with now and schedule'],
  ])('%s of another type is refused, by name', (path, options, words) => {
    const check = (): void => checkDialOptions(options as object);
    expect(check).toThrow(expect.objectContaining({ code: INVALID, message: expect.stringContaining(words) }));
    expect(check).toThrow(`the option ${path} of dial cannot be`);
  });

  test.each([
    ['identity.resetKey', { identity: { resetKey: 'secret' } }, 'that string: it takes a Uint8Array'],
    ['port', { port: -1 }, '-1: it takes a whole number, 0 or more'],
    ['limits.maxSessions', { limits: { maxSessions: '9' } }, "'9': it takes a whole number, 0 or more"],
  ])('%s of listen likewise', (path, options, words) => {
    expect(() => checkListenOptions(options as object)).toThrow(`the option ${path} of listen cannot be ${words}`);
  });

  test.each([
    ['takeover.fleetKeys', { takeover: {} }],
    ['scaling.candidates[0].address', { scaling: { candidates: [{ pricePerGb: 1 }] } }],
    ['scaling.spending.bytes', { scaling: { spending: { month: '2026-11' } } }],
    ['scaling.spending.month', { scaling: { spending: { bytes: {} } } }],
  ])('listen without %s says that it is missing', async (path, options) => {
    const refused = {
      code: INVALID,
      message: expect.stringContaining(`listen takes the option ${path}, which is missing`),
    };
    await expect(listen(options as never)).rejects.toMatchObject(refused);
  });

  test('nobody is asked whether it takes sessions over without a key to ask by', async () => {
    const message = expect.stringContaining('checkStandby takes the option fleetKeys, which is missing');
    await expect(checkStandby({ address: 'host:1' }, {} as never)).rejects.toMatchObject({ code: INVALID, message });
  });

  test.each([null, 'options', ['options']])('options that are %p are refused', (options) => {
    expect(() => checkDialOptions(options as object)).toThrow('the options of dial cannot be');
  });
});

describe('names that dial and listen do not know', () => {
  test.each([
    ['trust.serverNam', { trust: { serverNam: 'name' } }, 'did you mean trust.serverName?'],
    ['trust.PINS', { trust: { PINS: [] } }, 'did you mean trust.pins?'],
    ['time_outs', { time_outs: {} }, 'did you mean timeouts?'],
    ['pins', { pins: [] }, 'did you mean trust.pins?'],
    ['paths.scheduler', { paths: { scheduler: 'min-rtt' } }, 'did you mean writes.scheduler?'],
    [
      'timeouts.idleSeconds',
      { timeouts: { idleSeconds: 1 } },
      'there are handshakeMs, idleMs, recoveryMs, closeMs, dialMs',
    ],
    ['constructor', { constructor: 1 }, 'there are trust, auth, signal'],
  ])('%s: the nearest one is named', (path, options, words) => {
    expect(() => checkDialOptions(options as object)).toThrow(
      expect.objectContaining({ code: INVALID, message: expect.stringMatching(`^dial has no option ${path}; `) }),
    );
    expect(() => checkDialOptions(options as object)).toThrow(words);
  });

  test.each([
    ['serverName', 'trust.serverName'],
    ['allowTargets', 'trust.allowTargets'],
    ['certificate', 'it to certificateClientAuth in auth'],
    ['timeoutMs', 'timeouts.dialMs'],
    ['recoveryTimeoutMs', 'timeouts.recoveryMs'],
    ['closeTimeoutMs', 'timeouts.closeMs'],
    ['localAddress', 'paths.localAddress'],
    ['localAddresses', 'paths.localAddresses'],
    ['extraPaths', 'paths.extra'],
    ['alternatives', 'paths.alternatives'],
    ['resolvePath', 'paths.resolve'],
    ['onPathRefused', 'paths.onRefused'],
    ['routing', 'writes.routing'],
    ['scheduler', 'writes.scheduler'],
    ['compression', 'writes.compression'],
    ['clock', 'runtime.clock'],
    ['random', 'runtime.random'],
    ['transport.idleTimeoutMs', 'timeouts.idleMs'],
    ['limits.handshakeTimeoutMs', 'timeouts.handshakeMs'],
    ['limits.sessionWindowBytes', 'limits.pathWindowBytes'],
  ])('%s was one: %s', async (former, now) => {
    const refused = { code: INVALID, message: `dial has no option ${former} any more: give ${now}` };
    await expect(dial('localhost:1', nested(former))).rejects.toMatchObject(refused);
  });

  test.each([
    ['clientCa', 'it to certificateServerAuth in auth'],
    ['audiences', 'identity.audiences'],
    ['serverId', 'identity.serverId'],
    ['resetKey', 'identity.resetKey'],
    ['credentials.ca', 'trust.ca'],
    ['recoveryTimeoutMs', 'timeouts.recoveryMs'],
    ['routing', 'writes.routing'],
    ['limits.handshakeTimeoutMs', 'timeouts.handshakeMs'],
  ])('%s of listen was one: %s', async (former, now) => {
    const refused = { code: INVALID, message: `listen has no option ${former} any more: give ${now}` };
    await expect(listen(nested(former))).rejects.toMatchObject(refused);
  });
});

/** `a.b` as `{ a: { b: 1 } }`. */
function nested(path: string): object {
  return path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), 1) as object;
}
