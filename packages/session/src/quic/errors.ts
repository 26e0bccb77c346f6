/**
 * The errors of @matrixai/quic by name and descent, because programs branch with `instanceof`. What KWIK itself said is
 * in `cause`, a KwikError with its code.
 */

export interface ErrorQUICOptions {
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  readonly timestamp?: Date;
}

export class ErrorQUIC extends Error {
  static description = 'QUIC error';
  readonly data: Readonly<Record<string, unknown>>;
  readonly timestamp: Date;

  constructor(message = '', options: ErrorQUICOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    this.data = options.data ?? {};
    this.timestamp = options.timestamp ?? new Date();
  }

  get description(): string {
    return (this.constructor as typeof ErrorQUIC).description;
  }
}

/** What the peer, or this end, gave when a connection ended. */
export interface ConnectionError {
  readonly isApp: boolean;
  readonly errorCode: number;
  readonly reason: Uint8Array;
}

export class ErrorQUICUndefinedBehaviour extends ErrorQUIC {
  static override description = 'This should never happen';
}
export class ErrorQUICHostInvalid extends ErrorQUIC {
  static override description = 'Host provided was not valid';
}
export class ErrorQUICPortInvalid extends ErrorQUIC {
  static override description = 'Port provided was not valid';
}
export class ErrorQUICConfig extends ErrorQUIC {
  static override description = 'QUIC config error';
}

export class ErrorQUICSocket extends ErrorQUIC {
  static override description = 'QUIC Socket error';
}
export class ErrorQUICSocketNotRunning extends ErrorQUICSocket {
  static override description = 'QUIC Socket is not running';
}
export class ErrorQUICSocketConnectionsActive extends ErrorQUICSocket {
  static override description = 'QUIC Socket has active connections';
}
export class ErrorQUICSocketInvalidSendAddress extends ErrorQUICSocket {
  static override description = 'QUIC Socket cannot send to the specified address';
}
export class ErrorQUICSocketInternal extends ErrorQUICSocket {
  static override description = 'QUIC Socket internal error';
}
export class ErrorQUICSocketInvalidBindAddress extends ErrorQUICSocket {
  static override description = 'QUIC Socket cannot bind to the specified address';
}

export class ErrorQUICClient extends ErrorQUIC {
  static override description = 'QUIC Client error';
}
export class ErrorQUICClientDestroyed extends ErrorQUICClient {
  static override description = 'QUIC Client is destroyed';
}
export class ErrorQUICClientCreateTimeout extends ErrorQUICClient {
  static override description = 'QUIC Client create timeout';
}
export class ErrorQUICClientSocketNotRunning extends ErrorQUICClient {
  static override description = 'QUIC Client cannot be created with an unstarted shared QUIC socket';
}
export class ErrorQUICClientInvalidArgument extends ErrorQUICClient {
  static override description = 'QUIC Client had a failure relating to an invalid argument';
}
export class ErrorQUICClientInvalidHost extends ErrorQUICClient {
  static override description = 'QUIC Client cannot be created with the specified host';
}
export class ErrorQUICClientInternal extends ErrorQUICClient {
  static override description = 'QUIC Client internal error';
}

export class ErrorQUICServer extends ErrorQUIC {
  static override description = 'QUIC Server error';
}
export class ErrorQUICServerNotRunning extends ErrorQUICServer {
  static override description = 'QUIC Server is not running';
}
export class ErrorQUICServerSocketNotRunning extends ErrorQUICServer {
  static override description = 'QUIC Server cannot start with an unstarted shared QUIC socket';
}
export class ErrorQUICServerNewConnection extends ErrorQUICServer {
  static override description = 'QUIC Server creating a new connection';
}
export class ErrorQUICServerInternal extends ErrorQUICServer {
  static override description = 'QUIC Server internal error';
}
export class ErrorQUICServerStopping extends ErrorQUICServer {
  static override description = 'QUIC Server is stopping';
}

export class ErrorQUICConnection extends ErrorQUIC {
  static override description = 'QUIC Connection error';
}
export class ErrorQUICConnectionStopping extends ErrorQUICConnection {
  static override description = 'QUIC Connection is stopping';
}
export class ErrorQUICConnectionNotRunning extends ErrorQUICConnection {
  static override description = 'QUIC Connection is not running';
}
export class ErrorQUICConnectionClosed extends ErrorQUICConnection {
  static override description = 'QUIC Connection cannot be restarted because it has already been closed';
}
export class ErrorQUICConnectionStartData extends ErrorQUIC {
  static override description = 'QUIC Connection start requires data when it is a server connection';
}
export class ErrorQUICConnectionStartTimeout extends ErrorQUICConnection {
  static override description = 'QUIC Connection start timeout';
}
export class ErrorQUICConnectionConfigInvalid extends ErrorQUICConnection {
  static override description = 'QUIC connection invalid configuration';
}
/** This end closed; `data` is a ConnectionError. */
export class ErrorQUICConnectionLocal extends ErrorQUICConnection {
  static override description = 'QUIC Connection local error';
}
export class ErrorQUICConnectionLocalTLS extends ErrorQUICConnectionLocal {
  static override description = 'QUIC Connection local TLS error';
}
/** The peer closed; `data` is a ConnectionError. */
export class ErrorQUICConnectionPeer extends ErrorQUICConnection {
  static override description = 'QUIC Connection peer error';
}
/** A child of ErrorQUICConnectionLocal, as in the original. */
export class ErrorQUICConnectionPeerTLS extends ErrorQUICConnectionLocal {
  static override description = 'QUIC Connection local TLS error';
}
export class ErrorQUICConnectionIdleTimeout extends ErrorQUICConnection {
  static override description = 'QUIC Connection max idle timeout exhausted';
}
export class ErrorQUICConnectionInternal extends ErrorQUICConnection {
  static override description = 'QUIC Connection internal error';
}

/** Of the next four, `data.code` is the code, and `cause` the reason that it stands for. */
export class ErrorQUICStream extends ErrorQUIC {
  static override description = 'QUIC Stream error';
}
export class ErrorQUICStreamDestroyed extends ErrorQUICStream {
  static override description = 'QUIC Stream is destroyed';
}
export class ErrorQUICStreamLocalRead extends ErrorQUICStream {
  static override description = 'QUIC Stream locally closed readable side';
}
export class ErrorQUICStreamLocalWrite extends ErrorQUICStream {
  static override description = 'QUIC Stream locally closed writable side';
}
export class ErrorQUICStreamPeerRead extends ErrorQUICStream {
  static override description = 'QUIC Stream peer closed readable side';
}
export class ErrorQUICStreamPeerWrite extends ErrorQUICStream {
  static override description = 'QUIC Stream peer closed writable side';
}
export class ErrorQUICStreamInternal extends ErrorQUICStream {
  static override description = 'QUIC Stream internal error';
}
export class ErrorQUICStreamLimit extends ErrorQUICStream {
  static override description = 'QUIC Stream limit has been reached';
}
