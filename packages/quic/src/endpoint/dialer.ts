import { isIP, isIPv6 } from 'node:net';
import { isSpiffeUri, KwikError, type Clock, type TransportAddress, type TransportCloseInfo } from '@kwik/wire';
import type { BackendCloseReason, BackendConfig, BackendTransport, QuicBackend } from '../backends/backend.js';
import { certificateProblem, refusedByTls, resolveTrust, type ResolvedTrust } from '../tls/certificate-check.js';
import { describeTransportCode, tlsAlertOf } from '../connection/close-codes.js';
import type { Connection } from '../connection/connection.js';
import type { HandshakeParty } from '../connection/connection-types.js';
import type { ParsedCertificates } from '../tls/parsed-certificates.js';
import type { SessionTicket, SessionTickets, TicketScope } from '../tls/session-tickets.js';
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

/** What a dial resumes, and keeps for later ones. */
export interface Resuming {
  readonly ticket: SessionTicket | undefined;
  /** It may begin early. */
  readonly early: boolean;
  /** Takes the ticket of a connection, once there is one. Absent where none is wanted. */
  readonly keep: ((connection: Connection) => boolean) | undefined;
}

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

  private get resumes(): boolean {
    const { resumption, certificate, trust } = this.options;
    // A ticket would show the server an identity whose certificate nobody has looked at now, or stand for a judgement that
    // is made elsewhere.
    return resumption === true && certificate === undefined && trust.unverified !== true;
  }

  private get earlyData(): boolean {
    return this.resumes && this.options.earlyData === true;
  }

  /** Takes what was kept of an earlier dial of this address. */
  resuming(tickets: SessionTickets, { address, port }: TransportAddress, early: boolean): Resuming {
    if (!this.resumes) return { ticket: undefined, early: false, keep: undefined };
    const scope: TicketScope = { address, port, serverName: this.serverName, alpn: this.alpn, trust: this.trust };
    const keep = ({ backend, peerCertificates }: Connection): boolean => {
      const session = backend.session();
      if (session !== undefined) tickets.keep(scope, session, peerCertificates, Date.now());
      return session !== undefined;
    };
    return { ticket: tickets.take(scope, Date.now()), early, keep };
  }

  /** All that `createConfig` depends on. */
  configParts(transport: BackendTransport): readonly unknown[] {
    return [this.alpn, transport, this.trust.caPem?.toString(), this.options.certificate, this.earlyData];
  }

  /** `transport`: of the backend. */
  createConfig(backend: QuicBackend, transport: BackendTransport): BackendConfig {
    const { caPem } = this.trust;
    const pair = this.options.certificate;
    try {
      return backend.createConfig({
        alpn: this.alpn,
        transport,
        verify: caPem === undefined ? 'none' : 'chain',
        earlyData: this.earlyData,
        ...(caPem === undefined ? {} : { caPem }),
        ...(pair === undefined ? {} : { certPem: Buffer.from(pair.certPem), keyPem: Buffer.from(pair.keyPem) }),
      });
    } catch (cause) {
      throw new KwikError('ERR_KWIK_CREDENTIALS', `TLS refuses the certificates given: ${messageOf(cause)}`, { cause });
    }
  }

  /** The client's half of a handshake: checks the server's certificate before a byte of the application is sent. */
  party(settle: DialSettle, { ticket, early: mayBeEarly, keep }: Resuming): HandshakeParty<Connection> {
    let early = false;
    return {
      awaitsPeer: this.awaitsPeer,
      serverLeaf: (connection) => connection.peerCertificates[0],
      ...(ticket !== undefined &&
        mayBeEarly && {
          startsEarly: (connection) => (early = this.startsEarly(connection, ticket)),
        }),
      check: (connection) => {
        const boundTo = early ? ticket : undefined;
        const error = this.check(connection, ticket) ?? this.checkEarly(connection, boundTo);
        return error === undefined ? undefined : { error, tlsAlert: BAD_CERTIFICATE_ALERT };
      },
      completed: () => settle.confirmed(),
      opened: (connection) => settle.opened(connection),
      failed: (connection, info, refusal) => {
        const error = refusal ?? this.explain(connection, info);
        settle.failed(error);
        return error;
      },
      ...(keep !== undefined && { takeTicket: keep }),
    };
  }

  /** The secret of the ticket is that of a server that was found good by the same trust, and its chain has not ended. */
  private startsEarly(connection: Connection, ticket: SessionTicket): boolean {
    if (!connection.backend.inEarlyData()) return false;
    connection.peerCertificates = ticket.chain;
    return true;
  }

  private check(connection: Connection, ticket: SessionTicket | undefined): KwikError | undefined {
    // A resumed session has skipped the check of the chain; its ticket says that the chain was checked before, by this trust.
    const isVerified = !connection.backend.resumed() || (ticket !== undefined && isOf(connection, ticket));
    const chainVerified = this.trust.caPem !== undefined && isVerified;
    const problem = certificateProblem(connection.peerCertificates, this.trust, chainVerified, Date.now());
    return problem === undefined ? undefined : this.certificateError(problem);
  }

  /** What was sent early was bound to the certificate of before. */
  private checkEarly(connection: Connection, boundTo: SessionTicket | undefined): KwikError | undefined {
    if (boundTo === undefined || isOf(connection, boundTo)) return undefined;
    return this.failed('the server has changed its certificate, and did not take what was sent early; dial again');
  }

  private certificateError(problem: string): KwikError {
    return new KwikError('ERR_KWIK_CERTIFICATE', `the certificate of ${this.target} is not accepted: ${problem}`);
  }

  /** Why no connection came about, in words that help. */
  private explain(connection: Connection, info: TransportCloseInfo): KwikError {
    const local = connection.backend.localError();
    const peer = connection.backend.peerError();
    if (peer !== undefined) return this.explainPeer(peer, connection.remote);
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

  private explainPeer({ application, code, reason }: BackendCloseReason, remote: TransportAddress): KwikError {
    // Its code is none of QUIC's, and what it says is not known to be the server's.
    if (application) return this.failed('whoever answered closed the connection before its certificate was judged');
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
  /** It may be used. */
  opened(connection: Connection): void;
  /** The server has answered and was found good. */
  confirmed(): void;
  failed(error: KwikError): void;
}

function isOf({ peerCertificates }: Connection, { chain }: SessionTicket): boolean {
  const [leaf] = peerCertificates;
  const [known] = chain;
  return leaf !== undefined && known !== undefined && Buffer.compare(leaf, known) === 0;
}

function stripBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
