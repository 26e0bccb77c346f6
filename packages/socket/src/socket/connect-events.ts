import type { EventEmitter } from 'node:events';
import type { ConnectListener } from './connect-carrier.js';

/** What tells how it connects. */
export interface ConnectTeller extends EventEmitter {
  /** `address:port` each, of a name with several addresses. */
  autoSelectFamilyAttemptedAddresses?: string[];
}

/** The events of a socket that connects to `host`. */
export function connectEvents(socket: ConnectTeller, host: string): ConnectListener {
  delete socket.autoSelectFamilyAttemptedAddresses;
  return {
    onLookup: (error, address, family) => socket.emit('lookup', error, address, family, host),
    onAttempt: ({ address, family }, port, ofSeveral) => {
      if (ofSeveral) (socket.autoSelectFamilyAttemptedAddresses ??= []).push(`${address}:${port}`);
      socket.emit('connectionAttempt', address, port, family);
    },
    onAttemptFailed: ({ address, family }, port, error) =>
      socket.emit('connectionAttemptFailed', address, port, family, error),
  };
}
