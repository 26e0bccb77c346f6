import { KwikError } from '@kwik/wire';
import type { PathPort } from './path-port.js';

/**
 * What `make` makes of an established connection. When it throws, nobody owns the connection, so it is closed, and the error
 * is thrown on as a KwikError.
 */
export function closeOnThrow<T>(port: Pick<PathPort, 'close'>, make: () => T): T {
  try {
    return make();
  } catch (thrown) {
    const error = KwikError.from(thrown);
    // What went wrong in the application is not the peer's business.
    port.close(error.wireNumber, thrown instanceof KwikError ? error.message.slice(0, 200) : 'internal error');
    throw error;
  }
}
