import type { Sender } from './sender.js';
import type { StreamTable } from './stream-table.js';
import type { QuicStream, StreamOwner } from './stream.js';

/** What streams need of the connection as a whole. */
export interface StreamCommandsHost {
  accept(stream: QuicStream, data: Uint8Array): number;
  /** Something is to be sent, or told. */
  wake(): void;
  readMore(): void;
}

/** Carries out what applications ask of their streams. */
export class StreamCommands implements StreamOwner {
  constructor(
    // Both are made later than this.
    private readonly sender: () => Sender,
    private readonly streams: () => StreamTable,
    private readonly host: StreamCommandsHost,
  ) {}

  accept(stream: QuicStream, data: Uint8Array): number {
    return this.host.accept(stream, data);
  }

  finish(stream: QuicStream): void {
    this.sender().finish(stream);
    this.host.wake();
  }

  reset(stream: QuicStream, code: number): void {
    this.sender().discard(stream);
    this.streams().reset(stream, code);
    this.host.wake();
  }

  stop(stream: QuicStream, code: number): void {
    this.streams().stop(stream, code);
    this.host.wake();
  }

  readMore(): void {
    this.host.readMore();
  }
}
