import { optionRules } from '@kwik/wire';
import type {
  GuardOptions,
  SessionLimits,
  TransportTuning,
  DiagnosticsOptions,
  RuntimeOptions,
  TimeoutOptions,
  WriteOptions,
} from '../api/options.js';
import type { RelayedTraffic } from '../api/relays.js';

const { call, either, flag, group, list, milliseconds, objectWith, oneOf, positive, positiveMilliseconds, text } =
  optionRules;

/** Rules of what `dial` and `listen` have in common. */

export const runtime = group<RuntimeOptions>({
  clock: objectWith('now', 'schedule'),
  network: objectWith('connect', 'accept'),
  random: call,
  wallClockMs: call,
});
/** What is forwarded for a client, at the most. */
export const relayedTraffic = {
  anchors: list(text),
  maxBytes: positive,
  maxBytesPerSecond: positive,
  maxDurationMs: positiveMilliseconds,
} satisfies Record<keyof RelayedTraffic, unknown>;

export const authenticator = objectWith('begin');

export const timeouts = {
  handshakeMs: positiveMilliseconds,
  idleMs: milliseconds,
  recoveryMs: milliseconds,
  closeMs: milliseconds,
} satisfies Record<keyof TimeoutOptions, unknown>;

export const limits = {
  streamWindowBytes: positive,
  pathWindowBytes: positive,
  sendBufferBytes: positive,
  maxStreams: positive,
  maxPaths: positive,
  maxRawPacketBytes: positive,
  packetsPerKey: positive,
} satisfies Record<keyof SessionLimits, unknown>;

export const writes = group<WriteOptions>({
  routing: oneOf('primary', 'distributed'),
  scheduler: either(text, call),
  compression: oneOf('off', 'auto'),
});

export const transport = group<TransportTuning>({
  congestionControl: oneOf('bbr', 'cubic', 'reno'),
  pacing: flag,
  datagramBytes: positive,
  longDatagrams: flag,
  carefulResume: flag,
  io: oneOf('auto', 'batched', 'dgram'),
});

export const diagnostics = group<DiagnosticsOptions>({ offsetMap: flag });

export const guard = group<GuardOptions>({
  audit: objectWith('record'),
  access: objectWith('decide'),
  servers: objectWith('refusal', 'observe'),
});

/** Former names that both calls had. */
export const formerNames = {
  recoveryTimeoutMs: 'timeouts.recoveryMs',
  closeTimeoutMs: 'timeouts.closeMs',
  routing: 'writes.routing',
  scheduler: 'writes.scheduler',
  compression: 'writes.compression',
  clock: 'runtime.clock',
  'transport.idleTimeoutMs': 'timeouts.idleMs',
  'limits.handshakeTimeoutMs': 'timeouts.handshakeMs',
  'limits.sessionWindowBytes': 'limits.pathWindowBytes',
} as const;

/** An object whose members are all strings. */
export const textsByName = optionRules.value('texts by name', (given) => {
  return (
    optionRules.anObject.accepts(given) && Object.values(given as object).every((each) => typeof each === 'string')
  );
});
