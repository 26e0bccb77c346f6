import { X509Certificate } from 'node:crypto';
import { certificateClientAuth, certificateServerAuth, noneClientAuth } from '@kwik/kcp';
import { MAX_PACKET_BYTES } from '@kwik/wire';
import type { DialOptions, ListenOptions, SessionLimits } from '../api/options.js';
import { ErrorQUICConfig, ErrorQUICConnectionConfigInvalid } from './errors.js';
import type { IdleOptions } from './idle-watch.js';
import type { QUICConfig, QUICServerConfigInput } from './types.js';

/** KWIK asks idle paths every few seconds whether they live; a shorter time would lose them, and idle-watch.ts keeps it. */
const MIN_TRANSPORT_IDLE_MS = 10_000;

/**
 * What becomes of @matrixai/quic's config:
 *
 * - carried over: `ca`, `key`, `cert`, `maxSendUdpPayloadSize`, `initialMaxData`, `initialMaxStreamData…`,
 *   `initialMaxStreams…`; by verification.ts `verifyPeer` and `verifyCallback`, by idle-watch.ts `maxIdleTimeout` and
 *   `keepAliveIntervalTime`;
 * - refused, because a program relies on what KWIK does not do: see `refuse…` below;
 * - not used, because nothing that a program can see hangs on it: `grease`, `maxRecvUdpPayloadSize`,
 *   `maxConnectionWindow`, `maxStreamWindow`, `disableActiveMigration`, `enableEarlyData` (nothing is sent early),
 *   `readableChunkSize`, `logKeys` (KWIK never writes keys).
 */
export function clientOptions(config: QUICConfig): DialOptions {
  refuseWhatCannotBe(config);
  const certificate = keyPair(config);
  // Who judges by a callback, or not at all, is given no authority that would judge before.
  const judged = config.verifyPeer === false || config.verifyCallback !== undefined;
  return {
    ...(config.ca !== undefined && !judged && { trust: { ca: pem(config.ca) } }),
    ...(certificate !== undefined && { auth: [certificateClientAuth(certificate), noneClientAuth()] }),
    ...common(config),
  };
}

export function serverOptions(config: QUICServerConfigInput): ListenOptions {
  refuseWhatCannotBe(config);
  const credentials = keyPair(config);
  if (credentials === undefined) throw new ErrorQUICConfig('a server takes key and cert');
  const options = { credentials, ...common(config) };
  if (config.verifyPeer !== true || config.verifyCallback !== undefined || config.ca === undefined) return options;
  return { ...options, auth: [certificateServerAuth({ ca: pem(config.ca) })] };
}

/** DER of the certificates in PEM, in their order. */
export function derCertificates(value: QUICConfig['cert']): Uint8Array[] {
  if (value === undefined) return [];
  const blocks = pem(value).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new Uint8Array(new X509Certificate(block).raw));
}

function refuseWhatCannotBe(config: QUICConfig): void {
  if (config.sigalgs !== undefined) throw refusal('sigalgs', 'KWIK chooses the signature algorithms');
  if (config.enableDgram?.[0] === true) throw refusal('enableDgram', 'KWIK carries streams only');
  const protocols = config.applicationProtos;
  if (protocols !== undefined && protocols.join() !== 'quic') {
    throw refusal('applicationProtos', 'KWIK has a protocol name of its own; agree on versions in the first stream');
  }
  const { keepAliveIntervalTime, maxIdleTimeout = 0 } = config;
  if (keepAliveIntervalTime !== undefined && maxIdleTimeout !== 0 && keepAliveIntervalTime >= maxIdleTimeout) {
    throw new ErrorQUICConnectionConfigInvalid('`keepAliveIntervalTime` must be less than `maxIdleTimeout`');
  }
}

/** What of it idle-watch.ts does. */
export function idleOptions({ maxIdleTimeout = 0, keepAliveIntervalTime }: QUICConfig): IdleOptions {
  return { maxIdleMs: maxIdleTimeout, keepAliveMs: keepAliveIntervalTime };
}

/** QUIC has a window for each kind of stream, and a bound on each kind; KWIK has one, and takes the largest. */
function limits(config: QUICConfig): SessionLimits {
  const stream = largest('initialMaxStreamData…', [
    config.initialMaxStreamDataBidiLocal,
    config.initialMaxStreamDataBidiRemote,
    config.initialMaxStreamDataUni,
  ]);
  const session = largest('initialMaxData', [config.initialMaxData]);
  const streams = largest('initialMaxStreams…', [config.initialMaxStreamsBidi, config.initialMaxStreamsUni]);
  // A window below a packet would stop every transfer; one of the session below that of a stream makes no sense.
  const streamWindowBytes = stream === undefined ? undefined : Math.max(stream, MAX_PACKET_BYTES);
  const pathWindowBytes = Math.max(session ?? 0, streamWindowBytes ?? 0, MAX_PACKET_BYTES);
  return {
    ...(streamWindowBytes !== undefined && { streamWindowBytes }),
    ...(streamWindowBytes === undefined && session !== undefined && { streamWindowBytes: pathWindowBytes }),
    ...((stream !== undefined || session !== undefined) && { pathWindowBytes }),
    ...(streams !== undefined && { maxStreams: streams }),
  };
}

function largest(name: string, values: readonly (number | undefined)[]): number | undefined {
  const given = values.filter((value) => value !== undefined);
  if (given.length === 0) return undefined;
  const value = Math.max(...given);
  if (value === 0) throw refusal(`${name}: 0`, 'KWIK cannot forbid the peer to send');
  return value;
}

function common(config: QUICConfig) {
  const { maxIdleTimeout = 0, maxSendUdpPayloadSize } = config;
  return {
    limits: limits(config),
    // 0 is "never" there; here it leaves KWIK's own time, within which a silent peer is lost. An idle one is not silent.
    ...(maxIdleTimeout > 0 && { timeouts: { idleMs: Math.max(maxIdleTimeout, MIN_TRANSPORT_IDLE_MS) } }),
    ...(maxSendUdpPayloadSize !== undefined && { transport: { datagramBytes: maxSendUdpPayloadSize } }),
  };
}

function keyPair(config: QUICConfig): { cert: string; key: string } | undefined {
  if (config.key === undefined && config.cert === undefined) return undefined;
  if (config.cert === undefined) throw new ErrorQUICConfig('The cert option must be set when key is set');
  if (config.key === undefined) throw new ErrorQUICConfig('The key option must be set when cert is set');
  if (Array.isArray(config.key) && config.key.length > 1) throw refusal('key: several', 'give one key and its chain');
  return { cert: pem(config.cert), key: pem(config.key) };
}

function pem(value: NonNullable<QUICConfig['ca']>): string {
  const parts = typeof value === 'string' || value instanceof Uint8Array ? [value] : value;
  return parts.map((part) => (typeof part === 'string' ? part : new TextDecoder().decode(part))).join('\n');
}

function refusal(what: string, why: string): ErrorQUICConfig {
  return new ErrorQUICConfig(`${what} cannot be had over KWIK: ${why}`);
}
