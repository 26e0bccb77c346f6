import { checkOptions, type OptionRules, optionRules, type ServerQuery } from '@kwik/wire';
import type { TrustPolicy } from '@kwik/kcp';
import type {
  ListenerLimits,
  ListenOptions,
  ServerCredentials,
  ServerIdentity,
  TimeoutOptions,
} from '../api/options.js';
import type { OverloadOptions } from '../api/overload.js';
import type { NamedRelay, RelayedTraffic, RelayOptions } from '../api/relays.js';
import type { TakeoverOptions } from '../api/takeover.js';
import type { ScalingCandidate, ScalingOptions, Spending } from '../api/scaling.js';
import {
  authenticator,
  diagnostics,
  formerNames,
  guard,
  limits,
  relayedTraffic,
  runtime,
  timeouts,
  transport,
  writes,
  textsByName,
} from './session-rules.js';

const { amount, bytes, call, count, flag, group, list, objectWith, positive, positiveMilliseconds, text } = optionRules;

const standbyServer = optionRules.value('an object with an address, or a function', (given) => {
  return typeof given === 'function' || typeof (given as { address?: unknown } | null)?.address === 'string';
});
const oneToSixteen = optionRules.value(
  'a whole number from 1 to 16',
  (given) => Number.isSafeInteger(given) && (given as number) >= 1 && (given as number) <= 16,
);
const month = optionRules.value(
  "a month such as '2026-11'",
  (given) => typeof given === 'string' && /^\d{4}-(0[1-9]|1[0-2])$/u.test(given),
);
const amounts = optionRules.value(
  'an object with numbers, 0 or more',
  (given) => typeof given === 'object' && given !== null && Object.values(given).every((one) => amount.accepts(one)),
);

const LISTEN: OptionRules = {
  call: 'listen',
  root: group<ListenOptions>({
    host: text,
    port: count,
    credentials: group<ServerCredentials>({ cert: text, key: text }),
    auth: list(authenticator),
    replica: call,
    onRefused: call,
    trust: group<TrustPolicy>({ ca: text, trustDomains: textsByName, keys: list(bytes), names: list(text) }),
    identity: group<ServerIdentity>({ serverId: text, audiences: list(text), resetKey: bytes }),
    relay: group<RelayOptions>({ ...relayedTraffic, forClients: flag }),
    relays: list(
      group<NamedRelay>({
        address: text,
        serverName: text,
        traffic: group<RelayedTraffic>(relayedTraffic),
      }),
    ),
    directory: objectWith('select'),
    scaling: group<ScalingOptions>({
      candidates: list(
        group<ScalingCandidate>(
          {
            address: text,
            pricePerGb: amount,
            monthlyCapBytes: positive,
            metered: flag,
            alternatives: list(text),
            serverName: text,
          },
          ['address'],
        ),
      ),
      directory: objectWith('selectNow', 'onChange', 'observe'),
      query: group<Omit<ServerQuery, 'capabilities'>>({
        region: text,
        zone: text,
        tags: list(text),
        maxLoad: amount,
        exclude: list(text),
      }),
      maxPaths: oneToSixteen,
      model: objectWith('predict'),
      spending: group<Spending>({ month, bytes: amounts }, ['month', 'bytes']),
      onSpending: call,
      history: objectWith('load', 'save'),
      onDecision: call,
    }),
    overload: group<OverloadOptions>({
      memoryBytes: positive,
      eventLoopDelayMs: positiveMilliseconds,
      connections: positive,
      process: flag,
      onChange: call,
    }),
    takeover: group<TakeoverOptions>(
      {
        fleetKeys: list(bytes),
        standby: standbyServer,
        onStandbyUnable: call,
        ticketLifeMs: positiveMilliseconds,
      },
      ['fleetKeys'],
    ),
    worker: objectWith('onDrain'),
    timeouts: group<TimeoutOptions>(timeouts),
    writes,
    limits: group<ListenerLimits>({
      ...limits,
      maxSessions: count,
      backlog: count,
      maxConnectionsPerAddress: count,
      handshakesPerSecondPerAddress: count,
    }),
    transport,
    earlyData: flag,
    diagnostics,
    guard,
    runtime: runtime,
  }),
  former: {
    ...formerNames,
    clientCa: 'it to certificateServerAuth in auth',
    audiences: 'identity.audiences',
    serverId: 'identity.serverId',
    resetKey: 'identity.resetKey',
    'credentials.ca': 'trust.ca',
  },
};

/** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
export function checkListenOptions(options: ListenOptions): void {
  checkOptions(options, LISTEN);
}
