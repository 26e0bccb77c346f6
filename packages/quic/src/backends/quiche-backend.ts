import { KeyLog } from '../tls/key-log.js';
import type { QuicBackend } from './backend.js';
import { quicheWith } from './quiche.js';

/** The backend on `@matrixai/quic`'s native binding to quiche 0.18. */
export function quicheBackend(): QuicBackend {
  return quicheWith(new KeyLog());
}
