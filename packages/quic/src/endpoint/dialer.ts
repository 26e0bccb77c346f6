import { isIP, isIPv6 } from 'node:net';
import { isSpiffeUri, KwikError, type Clock, type TransportAddress, type TransportCloseInfo } from '@kwik/wire';
import type { BackendConfig, QuicBackend } from '../backends/backend.js';
import { certificateProblem, refusedByTls, resolveTrust, type ResolvedTrust } from '../tls/certificate-check.js';
import { describeTransportCode, tlsAlertOf } from '../connection/close-codes.js';
import type { Connection } from '../connection/connection.js';
import type { HandshakeParty } from '../connection/connection-types.js';
import type { ParsedCertificates } from '../tls/parsed-certificates.js';
import type { Deadline } from './deadline.js';
import { DEFAULT_ALPN, type DialOptions } from './options.js';
import type { ResolvedTransport } from '../connection/transport-options.js';
import { checkKeyPair } from '../tls/server-credentials.js';

/** RFC 8446, section 6.2: bad_certificate. */
const BAD_CERTIFICATE_ALERT = 42;
const CONNECTION_REFUSED = 0x02;
/** TLS alerts by which a server finds fault with the client's certificate. */
const CERTIFICATE_ALERTS: ReadonlySet<number> = new Set([42, 43, 44, 45, 46, 48, 49, 116]);
const NO_APPLICATION_PROTOCOL_ALERT = 120;

/** Everything about a dial that does not depend on the socket, checked before a packet is sent. */
export class DialPlan {
  readonly trust: ResolvedTrust;
  readonly alpn: readonly string[];
  /** For SNI; absent for IP addresses, which have none (RFC 6066, section 3), and for SPIFFE ids, which are no names of hosts. */
  readonly serverName: string | undefined;

  constructor(
    private readonly options: DialOptions,
    readonly transport: ResolvedTransport,
    parsed: ParsedCertificates,
  ) {
    this.alpn = options.alpn ?? DEFAULT_ALPN;
    this.trust = resolveTrust(options.trust, stripBrackets(options.serverName ?? options.host), parsed);
    this.serverName = isIP(this.trust.name) === 0 && !isSpiffeUri(this.trust.name) ? this.trust.name : undefined;
    if (options.certificate !== undefined) checkKeyPair(options.certificate.certPem, options.certificate.keyPem);
  }

  get target(): string {
    const { host, port } = this.options;
    return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
  }

  get awaitsPeer(): boolean {
    // With a client certificate TLS is through here before the server has judged it.
    return this.options.certificate !== undefined;
  }

  /** `transport`: of the backend. */
  createConfig(backend: QuicBackend, transport: ResolvedTransport): BackendConfig {
    const { caPem } = this.trust;
    const pair = this.options.certificate;
    try {
      return backend.createConfig({
        alpn: this.alpn,
        transport,
        verify: caPem === undefined ? 'none' : 'chain',
        ...(caPem === undefined ? {} : { caPem }),
        ...(pair === undefined ? {} : { certPem: Buffer.from(pair.certPem), keyPem: Buffer.from(pair.keyPem) }),
      });
    } catch (cause) {
      throw new KwikError('ERR_KWIK_CREDENTIALS', `TLS refuses the certificates given: ${messageOf(cause)}`, { cause });
    }
  }

  /** The client's half of a handshake: checks the server's certificate before a byte of the application is sent. */
  party(settle: DialSettle): HandshakeParty<Connection> {
    return {
      awaitsPeer: this.awaitsPeer,
      serverLeaf: (connection) => connection.peerCertificates[0],
      check: (connection) => {
        const error = this.check(connection);
        return error === undefined ? undefined : { error, tlsAlert: BAD_CERTIFICATE_ALERT };
      },
      completed: (connection) => settle.resolve(connection),
      failed: (connection, info, refusal) => settle.reject(refusal ?? this.explain(connection, info)),
    };
  }

  private check(connection: Connection): KwikError | undefined {
    // No session is ever resumed here: one that was would have skipped the check of the chain.
    const chainVerified = this.trust.caPem !== undefined && !connection.backend.resumed();
    const problem = certificateProblem(connection.peerCertificates, this.trust, chainVerified, Date.now());
    return problem === undefined ? undefined : this.certificateError(problem);
  }

  private certificateError(problem: string): KwikError {
    return new KwikError('ERR_KWIK_CERTIFICATE', `the certificate of ${this.target} is not accepted: ${problem}`);
  }

  /** Why no connection came about, in words that help. */
  private explain(connection: Connection, info: TransportCloseInfo): KwikError {
    const local = connection.backend.localError();
    const peer = connection.backend.peerError();
    if (peer !== undefined) return this.explainPeer(peer.code, peer.reason, connection.remote);
    const alert = local === undefined ? undefined : tlsAlertOf(local.code);
    if (local !== undefined && alert !== undefined) {
      const why = describeTransportCode(local.code);
      const chain = connection.backend.peerCertificates();
      if (chain.length === 0) return this.failed(why);
      return this.certificateError(refusedByTls(chain, this.trust, alert, why, Date.now()));
    }
    if (info.by === 'idle') return this.noAnswer();
    return this.failed(info.reason);
  }

  private explainPeer(code: number, reason: string, remote: TransportAddress): KwikError {
    const alert = tlsAlertOf(code);
    if (code === CONNECTION_REFUSED) {
      return new KwikError(
        'ERR_KWIK_CONNECTION_REFUSED',
        `${this.target} refuses the connection: ${reason || 'it is full'}`,
      );
    }
    if (alert === NO_APPLICATION_PROTOCOL_ALERT) {
      return this.failed(
        `the server at ${remote.address} port ${remote.port} speaks none of the protocols offered (ALPN ${this.alpn.join(', ')}); ` +
          'is it a KWIK server, and of this version?',
      );
    }
    if (alert !== undefined && CERTIFICATE_ALERTS.has(alert)) {
      const had = this.options.certificate === undefined ? 'none was given' : 'the one given was refused';
      const text = `${this.target} wants a client certificate that it accepts; ${had}: ${describeTransportCode(code)}`;
      return new KwikError('ERR_KWIK_CERTIFICATE', text);
    }
    return this.failed(
      `the server closed the handshake: ${describeTransportCode(code)}${reason === '' ? '' : ` (${reason})`}`,
    );
  }

  /** Of a dial's parts that do not know of it. */
  deadline(clock: Clock, atMs: number): Deadline {
    const { signal } = this.options;
    const timedOut = (): KwikError =>
      new KwikError('ERR_KWIK_TIMEOUT', `the name '${this.options.host}' was not resolved in time; does its DNS work?`);
    return { clock, atMs, signal, timedOut, aborted: (reason) => this.aborted(reason) };
  }

  /** Nothing ever came back. */
  noAnswer(): KwikError {
    return new KwikError(
      'ERR_KWIK_TIMEOUT',
      `no answer from ${this.target} (UDP); is the server running, is this its port, and does a firewall let UDP through?`,
    );
  }

  /** The machine said that nobody listens. */
  portClosed(cause: Error): KwikError {
    return this.failed('nobody listens on this UDP port (the machine is there and says so)', cause);
  }

  throwIfAborted(): void {
    const { signal } = this.options;
    if (signal?.aborted === true) throw this.aborted(signal.reason);
  }

  aborted(reason: unknown): KwikError {
    return new KwikError('ERR_KWIK_ABORTED', `the dial to ${this.target} was aborted`, { cause: reason });
  }

  failed(why: string, cause?: unknown): KwikError {
    return new KwikError(
      'ERR_KWIK_CONNECT_FAILED',
      `no connection to ${this.target}: ${why}`,
      cause === undefined ? {} : { cause },
    );
  }
}

export interface DialSettle {
  resolve(connection: Connection): void;
  reject(error: KwikError): void;
}

function stripBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
