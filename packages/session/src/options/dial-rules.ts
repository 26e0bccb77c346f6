import { checkOptions, type OptionRules, optionRules } from '@kwik/wire';
import type {
  ClientLimits,
  ClientPathOptions,
  ClientTrust,
  DialOptions,
  DialTimeouts,
  EarlyData,
  ExtraPath,
} from '../api/options.js';
import type { DialOverloadOptions } from '../api/overload.js';
import type { RelayChoice } from '../api/relays.js';
import {
  authenticator,
  diagnostics,
  formerNames,
  guard,
  limits,
  runtime,
  timeouts,
  transport,
  writes,
  textsByName,
} from './session-rules.js';

const { anObject, bytesOrText, call, flag, group, list, milliseconds, objectWith, oneOf, positive, text } = optionRules;
const { positiveMilliseconds } = optionRules;

const DIAL: OptionRules = {
  call: 'dial',
  root: group<DialOptions>({
    trust: group<ClientTrust>({
      ca: text,
      pins: list(text),
      serverName: text,
      namedBy: text,
      allowTargets: list(oneOf('loopback', 'link-local', 'private')),
      trustDomains: textsByName,
    }),
    auth: list(authenticator),
    signal: objectWith('addEventListener', 'throwIfAborted'),
    timeouts: group<DialTimeouts>({ ...timeouts, dialMs: milliseconds }),
    discovery: objectWith('service'),
    paths: group<ClientPathOptions>({
      localAddress: text,
      localAddresses: list(text),
      extra: list(group<ExtraPath>({ localAddress: text, address: text })),
      alternatives: list(text),
      relays: list(group<RelayChoice>({ address: text, auth: list(authenticator) })),
      resolve: call,
      onRefused: call,
    }),
    writes,
    limits: group<ClientLimits>({
      ...limits,
      rawPacketsPerSecond: positive,
      rawBytesPerSecond: positive,
      commandedDialsPerMinute: positive,
      failedCommandedDials: positive,
    }),
    transport,
    diagnostics,
    guard,
    runtime: runtime,
    overload: group<DialOverloadOptions>({
      memoryBytes: positive,
      eventLoopDelayMs: positiveMilliseconds,
      process: flag,
      onChange: call,
    }),
    early: group<EarlyData>({ data: bytesOrText, end: flag, intent: anObject, repeatable: flag }),
    resumption: flag,
  }),
  former: {
    ...formerNames,
    serverName: 'trust.serverName',
    allowTargets: 'trust.allowTargets',
    certificate: 'it to certificateClientAuth in auth',
    timeoutMs: 'timeouts.dialMs',
    localAddress: 'paths.localAddress',
    localAddresses: 'paths.localAddresses',
    extraPaths: 'paths.extra',
    alternatives: 'paths.alternatives',
    resolvePath: 'paths.resolve',
    onPathRefused: 'paths.onRefused',
    random: 'runtime.random',
  },
};

/** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
export function checkDialOptions(options: DialOptions): void {
  checkOptions(options, DIAL);
}
