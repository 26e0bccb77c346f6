import type { Credentials } from '../../harness/certificates.js';

/** One way to move bytes from a server to a client; both halves run in processes of their own. */
export interface Contender {
  /** Listens on loopback; what a client asks for is answered with `bytes` bytes of the pattern. Resolves to the port. */
  serve(credentials: Credentials, settings: Settings, peers: readonly number[]): Promise<number>;
  /** Fetches the bytes once and checks them; resolves when the last has arrived. */
  fetch(port: number, caPem: string, settings: Settings): Promise<FetchResult>;
}

export type ContenderName =
  | 'driver'
  | 'threaded'
  | 'minimal'
  | 'classes'
  | 'tls'
  | 'session'
  | 'content'
  | 'extra'
  | 'socket'
  | 'watched';

export interface Settings {
  readonly bytes: number;
  /** As many come before the clock starts: what a process does once is not measured. Of sessions alone. Default: none. */
  readonly warmBytes?: number | undefined;
  readonly datagramBytes: number;
  /** In place of that, datagrams as large as the route takes. Of `driver` alone. */
  readonly followsRoute?: boolean;
  /** Paths that the client shall have, where the contender has several. */
  readonly paths: number;
  /** Where the client's connection comes from, and its source id, where something on the way must know. Of `driver` alone. */
  readonly client?: { readonly port: number; readonly connectionId: Uint8Array } | undefined;
}

export interface FetchResult {
  readonly bytes: number;
  /** From before the dial, or from the last of the warm bytes, to the last byte. */
  readonly seconds: number;
  /** Payload that each path brought, where there are several. */
  readonly pathBytes?: readonly number[];
}

/** Same for all below the session: what flow control allows. */
export const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
export const CONNECTION_WINDOW_BYTES = 8 * 1024 * 1024;
export const CHUNK_BYTES = 64 * 1024;
