/** The events of @matrixai/quic. The type of an event is the name of its class; what it carries is `detail`. */
import type {
  ErrorQUIC,
  ErrorQUICConnection,
  ErrorQUICStream,
  ErrorQUICStreamLocalRead,
  ErrorQUICStreamLocalWrite,
  ErrorQUICStreamPeerRead,
  ErrorQUICStreamPeerWrite,
} from './errors.js';
import type { QUICConnection } from './quic-connection.js';
import type { QUICStream } from './quic-stream.js';

/** Members of every Event's init. */
type EventInit = NonNullable<ConstructorParameters<typeof Event>[1]>;
type Init<T> = EventInit & (T extends undefined ? { detail?: T } : { detail: T });

export abstract class EventQUIC<T = undefined> extends Event {
  readonly detail: T;
  readonly #init: EventInit & { detail?: T };

  constructor(init?: Init<T>) {
    super(new.target.name, init);
    this.#init = init ?? {};
    this.detail = init?.detail as T;
  }

  /** An event is dispatched once; the objects above the one that it happened to get a clone. */
  clone(): EventQUIC<T> {
    const make = this.constructor as new (init: EventInit) => EventQUIC<T>;
    return new make(this.#init);
  }
}

export abstract class EventQUICSocket<T = undefined> extends EventQUIC<T> {}
export class EventQUICSocketStart extends EventQUICSocket {}
export class EventQUICSocketStarted extends EventQUICSocket {}
export class EventQUICSocketStop extends EventQUICSocket {}
export class EventQUICSocketStopped extends EventQUICSocket {}
export class EventQUICSocketClose extends EventQUICSocket<ErrorQUIC | undefined> {}

export abstract class EventQUICClient<T = undefined> extends EventQUIC<T> {}
export class EventQUICClientDestroy extends EventQUICClient {}
export class EventQUICClientDestroyed extends EventQUICClient {}
/** Every end of a connection is an error, graceful or not; see `detail`. */
export class EventQUICClientError extends EventQUICClient<ErrorQUIC> {}
export class EventQUICClientClose extends EventQUICClient<ErrorQUIC> {}

export abstract class EventQUICServer<T = undefined> extends EventQUIC<T> {}
export class EventQUICServerConnection extends EventQUICServer<QUICConnection> {}
export class EventQUICServerStart extends EventQUICServer {}
export class EventQUICServerStarted extends EventQUICServer {}
export class EventQUICServerStop extends EventQUICServer {}
export class EventQUICServerStopped extends EventQUICServer {}
export class EventQUICServerError extends EventQUICServer<ErrorQUIC> {}
export class EventQUICServerClose extends EventQUICServer<ErrorQUIC | undefined> {}

export abstract class EventQUICConnection<T = undefined> extends EventQUIC<T> {}
export class EventQUICConnectionStart extends EventQUICConnection {}
export class EventQUICConnectionStarted extends EventQUICConnection {}
export class EventQUICConnectionStop extends EventQUICConnection {}
export class EventQUICConnectionStopped extends EventQUICConnection {}
/** Every end of a connection is an error, graceful or not; see `detail`. */
export class EventQUICConnectionError extends EventQUICConnection<ErrorQUICConnection> {}
export class EventQUICConnectionClose extends EventQUICConnection<ErrorQUICConnection> {}
/** The peer opened a stream. */
export class EventQUICConnectionStream extends EventQUICConnection<QUICStream> {}

export abstract class EventQUICStream<T = undefined> extends EventQUIC<T> {}
export class EventQUICStreamDestroy extends EventQUICStream {}
export class EventQUICStreamDestroyed extends EventQUICStream {}
/** One side of the stream was given up, by this end or by the peer. A graceful end is no error. */
export class EventQUICStreamError extends EventQUICStream<ErrorQUICStream> {}
/** No more will be read; with the error, unless the peer ended gracefully. */
export class EventQUICStreamCloseRead extends EventQUICStream<
  ErrorQUICStreamLocalRead | ErrorQUICStreamPeerRead | undefined
> {}
/** No more will be written; with the error, unless this end ended gracefully. */
export class EventQUICStreamCloseWrite extends EventQUICStream<
  ErrorQUICStreamLocalWrite | ErrorQUICStreamPeerWrite | undefined
> {}
