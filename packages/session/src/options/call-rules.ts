import { checkOptions, KwikError, optionRules } from '@kwik/wire';
import type { HandOverOptions, ListenerCloseOptions } from '../api/listener.js';
import type { ServerCredentials } from '../api/options.js';
import type { RelayedTraffic } from '../api/relays.js';
import type { AddPathOptions, CloseOptions, StreamOptions } from '../api/session.js';
import type { CheckStandbyOptions } from '../api/takeover.js';
import { relayedTraffic, runtime } from './session-rules.js';

const { bytes, call, checkedLater, flag, group, list, milliseconds, objectWith, oneOf, positiveMilliseconds, text } =
  optionRules;

/** Rules of the calls of a session and of a listener. All of them throw ERR_KWIK_INVALID_ARGUMENT. */

const MAX_CLOSE_CODE = 2 ** 32 - 1;

const STREAM = group<StreamOptions & { signal: AbortSignal }>({
  unidirectional: flag,
  priority: checkedLater,
  intent: checkedLater,
  signal: checkedLater,
});
const CLOSE = group<CloseOptions>({ timeoutMs: milliseconds });
const LISTENER_CLOSE = group<ListenerCloseOptions>({ timeoutMs: milliseconds, force: flag });
const HAND_OVER = group<HandOverOptions>({
  timeoutMs: milliseconds,
  signal: objectWith('addEventListener', 'removeEventListener'),
});
const CHECK_STANDBY = group<CheckStandbyOptions>(
  {
    fleetKeys: list(bytes),
    ticketLifeMs: positiveMilliseconds,
    runtime,
    signal: objectWith('addEventListener', 'removeEventListener'),
  },
  ['fleetKeys'],
);
const CREDENTIALS = group<ServerCredentials>({ cert: checkedLater, key: checkedLater });
const ADD_PATH = group<AddPathOptions>({
  alternatives: list(text),
  reconnect: flag,
  weight: checkedLater,
  serverName: text,
  timeoutMs: positiveMilliseconds,
  capabilities: list(oneOf('contribute', 'replica', 'relay', 'raw')),
  relay: group<RelayedTraffic>(relayedTraffic),
});
const GUARDED = group<{ signal: AbortSignal }>({ signal: objectWith('addEventListener', 'removeEventListener') });

export function checkStreamOptions(name: 'openStream' | 'openStreamWhenReady', options: StreamOptions): void {
  checkCall(name, options, STREAM);
}

export function checkAccept(name: 'accept' | 'acceptStream', options: { signal?: AbortSignal }): void {
  checkCall(name, options, GUARDED);
}

/** What `close` of a session is given, before anything of the session is ended. */
export function checkClose(code: number, reason: string, options: CloseOptions): void {
  if (!Number.isInteger(code) || code < 0 || code > MAX_CLOSE_CODE) {
    throw invalid(`the code of close is a whole number from 0 to 2^32-1, not ${String(code)}`);
  }
  checkReason('close', reason);
  checkCall('close', options, CLOSE);
}

export function checkReason(name: string, reason: string): void {
  if (typeof reason !== 'string') throw invalid(`the reason of ${name} is a string, not of type ${typeof reason}`);
}

export function checkListenerClose(options: ListenerCloseOptions): void {
  checkCall('close', options, LISTENER_CLOSE);
}

export function checkHandOver(options: HandOverOptions): void {
  checkCall('handOver', options, HAND_OVER);
}

export function checkStandbyCheck(options: CheckStandbyOptions): void {
  checkCall('checkStandby', options, CHECK_STANDBY);
}

export function checkCredentials(credentials: ServerCredentials): void {
  checkCall('updateCredentials', credentials, CREDENTIALS);
}

export function checkAddPath(options: AddPathOptions): void {
  checkCall('addPath', options, ADD_PATH);
}

export function checkListener(name: string, listener: unknown): void {
  if (!call.accepts(listener)) throw invalid(`the listener of ${name} is a function, not of type ${typeof listener}`);
}

function checkCall(name: string, options: unknown, root: optionRules.GroupRule): void {
  checkOptions(options, { call: name, root });
}

function invalid(message: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', message);
}
