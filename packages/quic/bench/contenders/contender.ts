import type { Issued } from '../../src/test-support/certificates.js';

/** One way to move bytes from a server to a client over QUIC; both halves run in processes of their own. */
export interface Contender {
  /** Listens on loopback; each stream that a client opens is answered with `bytes` bytes. Resolves to the port. */
  serve(issued: Issued, settings: Settings): Promise<number>;
  /** Fetches the bytes once; resolves when the last has arrived. */
  fetch(port: number, caPem: string, settings: Settings): Promise<FetchResult>;
}

export interface Settings {
  readonly bytes: number;
  readonly datagramBytes: number;
  readonly congestionControl: 'bbr' | 'cubic' | 'reno';
}

export interface FetchResult {
  readonly bytes: number;
  /** From the request to the last byte; the handshake is not in it. */
  readonly seconds: number;
}

/** Same for all: what flow control allows. */
export const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
export const CONNECTION_WINDOW_BYTES = 8 * 1024 * 1024;
export const CHUNK_BYTES = 64 * 1024;
