import { createHash, randomBytes } from 'node:crypto';
import { KwikError, type PathTransport } from '@kwik/wire';
import type { BackendConfig, BackendConfigOptions, BackendConnection, QuicBackend } from '../backends/backend.js';
import { readCertificates } from '../tls/certificate-check.js';
import type { Connection } from '../connection/connection.js';
import type { HandshakeParty } from '../connection/connection-types.js';
import { DEFAULT_ALPN, type ServerOptions } from './options.js';
import { backendSettings } from './route-sizes.js';
import { resolveTransport, type ResolvedTransport } from '../connection/transport-options.js';
import { checkKeyPair } from '../tls/server-credentials.js';
import { TicketKeys } from '../tls/ticket-keys.js';

/** RFC 8446, section 6.2. */
const CERTIFICATE_REQUIRED_ALERT = 116;
/** RFC 9000, section 20.1. */
const CONNECTION_REFUSED = 0x02;
const SECRET_BYTES = 32;
const TICKET_KEY_BYTES = 48;

/** The listening half of an endpoint: certificates, and what is told to clients that are not let in. */
export class Acceptor {
  readonly transport: ResolvedTransport;
  readonly retry: 'always' | 'underLoad' | 'never';
  /** For packets to those who are not let in. */
  readonly config: BackendConfig;
  private readonly configs = new Map<string, BackendConfig>();
  /** Absent where clients are asked for a certificate, which no resumed session shows. */
  private readonly tickets: TicketKeys | undefined;
  private ticketSerial = '';
  /** What connections of this configuration show, DER. */
  private readonly leaf: Uint8Array;
  readonly strangerBytes: number | undefined;

  /** Throws `ERR_KWIK_CREDENTIALS` for certificates that cannot work. */
  constructor(
    private readonly options: ServerOptions,
    private readonly onConnection: (transport: PathTransport) => void,
    private readonly backend: QuicBackend,
    /** Of tickets, where other processes with the same address open them as well. */
    private readonly sharedSecret?: Uint8Array,
  ) {
    this.leaf = checkKeyPair(options.certPem, options.keyPem);
    if (options.clientCa !== undefined) readCertificates(options.clientCa, 'clientCa');
    if (options.requireClientCertificate === true && options.clientCa === undefined) {
      throw new KwikError(
        'ERR_KWIK_CREDENTIALS',
        'requireClientCertificate needs clientCa, the authorities to check against',
      );
    }
    this.transport = resolveTransport(options.transport);
    this.retry = options.retry ?? 'underLoad';
    this.strangerBytes = options.strangerBytes;
    if (this.verification() === 'none') {
      const isShared = sharedSecret !== undefined;
      this.tickets = new TicketKeys(sharedSecret ?? randomBytes(SECRET_BYTES), this.ticketsMadeUnder(), isShared);
    }
    this.config = this.configOf(this.transport);
  }

  /** For one connection with these settings, and its stateless reset token. */
  configFor(transport: ResolvedTransport, resetToken: Uint8Array): BackendConfig {
    const config = this.configOf(transport);
    config.setResetToken(resetToken);
    if (this.tickets === undefined) config.setTicketKey(randomBytes(TICKET_KEY_BYTES));
    else this.refreshTicketKeys(this.tickets);
    return config;
  }

  /** The server's half of a handshake, whose first packets went to these connection ids. */
  party(firstIds: readonly Uint8Array[], on: { completed(): void; failed(): void }): HandshakeParty<Connection> {
    return {
      startsEarly: ({ backend }) => this.admitsEarlyData() && backend.inEarlyData() && this.admitEarly(firstIds),
      awaitsPeer: false,
      serverLeaf: () => this.leaf,
      check: (connection) => {
        const { clientCa, anyClientCertificate } = this.options;
        const asked = clientCa !== undefined || anyClientCertificate === true;
        if (!asked || !connection.backend.resumed()) return undefined;
        // A resumed session carries an old certificate, which nobody has checked now.
        const error = new KwikError('ERR_KWIK_CERTIFICATE', 'a client tried to skip the check of its certificate');
        return { error, tlsAlert: CERTIFICATE_REQUIRED_ALERT };
      },
      completed: ({ backend }) => {
        // It may have come with early data that was no longer early: that does not come early again. After a Retry it may have
        // resumed nothing, and what it said early before that comes once more after the handshake.
        const mayHaveBeenEarly = backend.resumed() || firstIds.length > 1;
        if (mayHaveBeenEarly && this.admitsEarlyData()) this.admitEarly(firstIds);
        on.completed();
      },
      opened: (connection) => this.onConnection(connection),
      failed: () => {
        on.failed();
        return undefined;
      },
    };
  }

  /** Several processes do not know what the others have had already. */
  private admitsEarlyData(): boolean {
    return this.options.earlyData === true && this.tickets !== undefined && this.sharedSecret === undefined;
  }

  private admitEarly(firstIds: readonly Uint8Array[]): boolean {
    if (this.tickets === undefined) return false;
    const isFirst = this.tickets.admitEarly(firstIds);
    this.refreshTicketKeys(this.tickets);
    return isFirst;
  }

  private refreshTicketKeys(tickets: TicketKeys): void {
    const { key, serial } = tickets.current(Date.now());
    if (serial === this.ticketSerial) return;
    this.ticketSerial = serial;
    for (const config of this.configs.values()) config.setTicketKey(key);
  }

  /** Whoever resumes has what the certificate and these settings gave: what it was told of flow control holds, too. */
  private ticketsMadeUnder(): string {
    const { streamWindowBytes, connectionWindowBytes, maxBidiStreams, maxUniStreams } = this.transport;
    const leaf = createHash('sha256').update(this.leaf).digest('hex');
    const limits = [streamWindowBytes, connectionWindowBytes, maxBidiStreams, maxUniStreams];
    return JSON.stringify([leaf, this.options.alpn ?? DEFAULT_ALPN, limits]);
  }

  /** The close frame for a client that finds no room, or nothing when its packet was not even valid. */
  refuse(connection: BackendConnection, datagram: Uint8Array, out: Uint8Array): number {
    if (connection.receive(datagram) !== 'taken') return 0;
    connection.close(false, CONNECTION_REFUSED, 'the server is full');
    return connection.send(out);
  }

  private configOf(transport: ResolvedTransport): BackendConfig {
    const settings = backendSettings(transport);
    const key = `${settings.datagramBytes} ${settings.firstWindowBytes ?? ''}`;
    const known = this.configs.get(key);
    if (known !== undefined) return known;
    const config = this.createConfig(settings);
    this.configs.set(key, config);
    if (this.tickets !== undefined) config.setTicketKey(this.tickets.current(Date.now()).key);
    return config;
  }

  private verification(): BackendConfigOptions['verify'] {
    const { clientCa, requireClientCertificate, anyClientCertificate } = this.options;
    if (clientCa === undefined) return anyClientCertificate === true ? 'any' : 'none';
    return requireClientCertificate === true ? 'chain' : 'request';
  }

  private createConfig(transport: ResolvedTransport): BackendConfig {
    const { clientCa, certPem, keyPem, alpn } = this.options;
    const verify = this.verification();
    try {
      return this.backend.createConfig({
        alpn: alpn ?? DEFAULT_ALPN,
        transport,
        verify,
        certPem: Buffer.from(certPem),
        keyPem: Buffer.from(keyPem),
        earlyData: this.admitsEarlyData(),
        ...(clientCa === undefined ? {} : { caPem: Buffer.from(clientCa) }),
      });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new KwikError('ERR_KWIK_CREDENTIALS', `TLS refuses the certificate or key given: ${why}`, { cause });
    }
  }
}
