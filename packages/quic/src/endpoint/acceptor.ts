import { KwikError, type PathTransport } from '@kwik/wire';
import type { BackendConfig, BackendConfigOptions, BackendConnection, QuicBackend } from '../backends/backend.js';
import { readCertificates } from '../tls/certificate-check.js';
import type { Connection } from '../connection/connection.js';
import type { HandshakeParty } from '../connection/connection-types.js';
import { DEFAULT_ALPN, type ServerOptions } from './options.js';
import { backendSettings } from './route-sizes.js';
import { resolveTransport, type ResolvedTransport } from '../connection/transport-options.js';
import { checkKeyPair } from '../tls/server-credentials.js';

/** RFC 8446, section 6.2. */
const CERTIFICATE_REQUIRED_ALERT = 116;
/** RFC 9000, section 20.1. */
const CONNECTION_REFUSED = 0x02;

/** The listening half of an endpoint: certificates, and what is told to clients that are not let in. */
export class Acceptor {
  readonly transport: ResolvedTransport;
  readonly retry: 'always' | 'underLoad' | 'never';
  /** For packets to those who are not let in. */
  readonly config: BackendConfig;
  private readonly configs = new Map<string, BackendConfig>();
  /** What connections of this configuration show, DER. */
  private readonly leaf: Uint8Array;
  readonly strangerBytes: number | undefined;

  /** Throws `ERR_KWIK_CREDENTIALS` for certificates that cannot work. */
  constructor(
    private readonly options: ServerOptions,
    private readonly onConnection: (transport: PathTransport) => void,
    private readonly backend: QuicBackend,
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
    this.config = this.configOf(this.transport);
  }

  /** For one connection with these settings, and its stateless reset token. */
  configFor(transport: ResolvedTransport, resetToken: Uint8Array): BackendConfig {
    const config = this.configOf(transport);
    config.setResetToken(resetToken);
    return config;
  }

  /** The server's half of a handshake. */
  party(on: { completed(): void; failed(): void }): HandshakeParty<Connection> {
    return {
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
      completed: (connection) => {
        on.completed();
        this.onConnection(connection);
      },
      failed: () => on.failed(),
    };
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
    const config = this.configs.get(key) ?? this.createConfig(settings);
    this.configs.set(key, config);
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
        ...(clientCa === undefined ? {} : { caPem: Buffer.from(clientCa) }),
      });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new KwikError('ERR_KWIK_CREDENTIALS', `TLS refuses the certificate or key given: ${why}`, { cause });
    }
  }
}
