import type { Credentials } from '../../harness/certificates.js';

export type EchoName = 'session' | 'driver' | 'tls';

/** One way to send small messages there and back. */
export interface EchoContender {
  /** Listens on loopback and echoes whatever comes; resolves to the port. */
  serve(credentials: Credentials): Promise<number>;
  /** One stream, over a path to each of the ports where there can be several. */
  connect(ports: readonly number[], caPem: string): Promise<EchoConnection>;
}

interface EchoConnection {
  /** Resolves to as many bytes as were sent. */
  echo(message: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Collects the pieces of an answer. */
export class Answers {
  #pieces: Uint8Array[] = [];
  #missing = 0;
  #done: ((answer: Uint8Array) => void) | undefined;

  expect(bytes: number): Promise<Uint8Array> {
    this.#missing = bytes;
    this.#pieces = [];
    return new Promise((resolve) => (this.#done = resolve));
  }

  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#missing -= piece.length;
    if (this.#missing <= 0) this.#done?.(this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces));
  }
}
