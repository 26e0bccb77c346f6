import { KwikError, type TransportAddress } from '@kwik/wire';

/** Who sent a datagram. */
export interface DatagramSource {
  readonly address: string;
  readonly port: number;
  /** The address of this end that it was sent to, where the socket tells (`answerFromEach`): answers come from there. */
  readonly local?: string;
}

export interface DatagramHandlers {
  /** The memory is used again when this returns: what shall last is to be copied. */
  onDatagram(datagram: Buffer, from: DatagramSource): void;
  /** A datagram could not be sent, or read. Nothing is to be done but to count. */
  onError(error: NodeJS.ErrnoException): void;
}

/** `error`: an errno exception, or null. */
export type SendCallback = (error: Error | null) => void;

/** How datagrams go in and out: one per system call by `node:dgram`, or many by system calls of this package's own. */
export type SocketIo = 'dgram' | 'batched';

/** What sends datagrams from one address, or from the one that the system chooses. */
export interface DatagramSending {
  /** Memory for the next datagram, of `bytes`; the same until `submit`, a flush or a slot of another size. */
  slot(bytes: number): Buffer;
  /**
   * The first `bytes` of the slot of `slotBytes` go to `address`, which is numeric, at the next flush of the socket at the latest.
   * `callback`, when given, hears of the outcome later; it costs a tick, so only a few datagrams have one.
   */
  submit(slotBytes: number, bytes: number, port: number, address: string, callback?: SendCallback): void;
  /** A datagram in memory of the caller's own, which stays as it is; what was submitted before may go later. */
  send(datagram: Uint8Array, port: number, address: string): void;
  /** The kernel takes no more for now, and some datagrams wait in the process. */
  congested(): boolean;
}

/**
 * One bound UDP socket. Sending neither waits nor throws: UDP may lose any datagram, and QUIC repairs that. A socket's
 * errors are reported and never end the process. `test-support/datagram-socket-contract.ts` says what each must do.
 */
export interface DatagramSocket {
  readonly address: TransportAddress;
  readonly io: SocketIo;
  /** Datagrams that are read before others have a turn, at most. */
  readonly readsAtOnce: number;
  /** Why the kernel takes only one datagram at a time from a message (an errno name); undefined where it takes several. */
  readonly segmentationRefused: string | undefined;
  /** The process may end although the socket is open. */
  unref(): void;
  /** Datagrams are heard from now on; those that came before may be lost. */
  open(handlers: DatagramHandlers): void;
  /**
   * Of a socket on all addresses (`0.0.0.0`, `::`): from now on it tells which of them a datagram was sent to, as far as the system
   * lets it. Does nothing on a socket that has one address.
   */
  answerFromEach(): void;
  /**
   * What sends from this address of its own (`DatagramSource.local`). The system chooses without one, and where it is not known, or not any
   * more: ask for each datagram.
   */
  from(local?: string): DatagramSending;
  /** What was submitted goes to the kernel, from whatever address. */
  flush(): void;
  /**
   * Payload of the largest datagram that the route to `address`, numeric, takes whole; undefined where the system does not
   * tell. Routes may change; further on the path may carry less.
   */
  routeDatagramBytes(address: string): number | undefined;
  /** What was submitted is handed over before; nothing is heard any more. */
  close(): Promise<void>;
}

/** What the kernel is asked to hold: bursts at loopback speed fill the default of 200 kB within a turn of the loop. */
export const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

const WHY_NOT_BOUND: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program has it; choose another port, or 0 for any',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'ports below 1024 need a privilege',
  ENOTFOUND: 'a numeric address is needed here',
};

/** `ERR_KWIK_INVALID_ARGUMENT` for an address or port that cannot be had. */
export function bindError(host: string, port: number, cause: NodeJS.ErrnoException): KwikError {
  const reason = WHY_NOT_BOUND[cause.code ?? ''] ?? cause.message;
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', `cannot listen on UDP ${host} port ${port}: ${reason}`, { cause });
}
