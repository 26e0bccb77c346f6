import { checkTypeOfService } from '../arguments/type-of-service.js';
import { RebornDuplex } from './reborn-duplex.js';

/** What the system can be told of a socket of its own; a stream of a session does without. */
// eslint-disable-next-line no-restricted-syntax -- sockets are Duplexes
export class SystemOptions extends RebornDuplex {
  #typeOfService = 0;

  /** Writes of small size leave at once anyway. */
  setNoDelay(_enable?: boolean): this {
    return this;
  }

  /** Sessions look after their peers by themselves. */
  setKeepAlive(_enable?: boolean, _initialDelayMs?: number): this {
    return this;
  }

  /** Is kept, and marks no packet: a packet may hold data of several sockets. An intent says how a socket is carried. */
  setTypeOfService(tos: number): this {
    checkTypeOfService(tos, 'tos');
    this.#typeOfService = tos;
    return this;
  }

  getTypeOfService(): number {
    return this.#typeOfService;
  }
}
