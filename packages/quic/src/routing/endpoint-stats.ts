import type { SocketIo } from '../socket/datagram-socket.js';

/** Why a datagram was dropped, or an attempt to connect was not taken up. */
export type DropReason =
  /** Empty, cut short, or not QUIC. */
  | 'malformed'
  /** A packet of a connection that does not exist (any more). */
  | 'unknownConnection'
  /** For a known connection, but from another address than its peer's. */
  | 'wrongAddress'
  /** A client's first packet of less than 1200 bytes (RFC 9000, section 14.1). */
  | 'smallInitial'
  /** Nobody listens on this endpoint, or too much came before it did. */
  | 'notListening'
  /** Of another machine, to an endpoint for this one alone. */
  | 'otherMachine'
  /** Too many attempts from one address. */
  | 'rate'
  /** Handshakes that gave way to newer ones. */
  | 'halfOpen'
  /** A retry token that is forged or too old. */
  | 'badToken'
  /** Its connection had more than its share of the processor, and too much waited for it already. */
  | 'processorShare'
  /** An answer was due, but too many had gone out already. */
  | 'answerRate'
  /** Of a connection that is forwarded, from another address than its client's or its anchor's. */
  | 'relayAddress'
  /** Of a client for which more is forwarded a second than it was granted. */
  | 'relayRate'
  /** Of a client that has used up what it was granted. */
  | 'relayQuota'
  /** To be forwarded, while the kernel took no more. */
  | 'relayCongested'
  /** Of another worker, which is not here now, or while too much waited for the others already. */
  | 'otherWorker';

export interface EndpointStats {
  readonly connections: number;
  readonly halfOpen: number;
  readonly accepted: number;
  readonly dialled: number;
  /** Incoming handshakes that came to nothing. */
  readonly failedHandshakes: number;
  /** Told that the server is full. */
  readonly refused: number;
  readonly retriesSent: number;
  readonly versionNegotiationsSent: number;
  readonly resetsSent: number;
  /** How datagrams go in and out; `batched` makes one system call for many; `network`: no socket at all. */
  readonly io: SocketIo | 'network';
  /** Why the kernel takes only one datagram at a time from a message (an errno name), where `batched` found it so. */
  readonly segmentationRefused: string | undefined;
  readonly datagramsReceived: number;
  readonly datagramsSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Connections of others whose datagrams are forwarded now. */
  readonly flows: number;
  /** Counted among those received, and not among those sent. */
  readonly forwardedDatagrams: number;
  readonly forwardedBytes: number;
  /** Handed to other workers, whose they are; both count them among those received. */
  readonly handedOn: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Errors of the socket by their code: `ECONNREFUSED`, `EMSGSIZE`, `ENOBUFS` and so on. */
  readonly socketErrors: Readonly<Record<string, number>>;
  /** Exceptions from handlers; each closed its connection. */
  readonly handlerErrors: number;
}

type Counts = Omit<
  EndpointStats,
  'connections' | 'halfOpen' | 'flows' | 'dropped' | 'socketErrors' | 'io' | 'segmentationRefused'
>;

/** What is open at the moment. */
type NowOpen = Pick<EndpointStats, 'connections' | 'halfOpen' | 'flows'>;

type SocketFacts = Pick<EndpointStats, 'io' | 'segmentationRefused'>;

/** The counters behind `EndpointStats`. */
export class EndpointCounters {
  readonly counts: { -readonly [Name in keyof Counts]: number } = {
    accepted: 0,
    dialled: 0,
    failedHandshakes: 0,
    refused: 0,
    retriesSent: 0,
    versionNegotiationsSent: 0,
    resetsSent: 0,
    datagramsReceived: 0,
    datagramsSent: 0,
    bytesReceived: 0,
    bytesSent: 0,
    forwardedDatagrams: 0,
    forwardedBytes: 0,
    handedOn: 0,
    handlerErrors: 0,
  };
  private readonly dropped: Record<DropReason, number> = {
    malformed: 0,
    unknownConnection: 0,
    wrongAddress: 0,
    smallInitial: 0,
    notListening: 0,
    otherMachine: 0,
    rate: 0,
    halfOpen: 0,
    badToken: 0,
    processorShare: 0,
    answerRate: 0,
    relayAddress: 0,
    relayRate: 0,
    relayQuota: 0,
    relayCongested: 0,
    otherWorker: 0,
  };
  private readonly socketErrors: Record<string, number> = {};

  drop(reason: DropReason): void {
    this.dropped[reason] += 1;
  }

  socketError(code: string): void {
    this.socketErrors[code] = (this.socketErrors[code] ?? 0) + 1;
  }

  snapshot(now: NowOpen, socket: SocketFacts): EndpointStats {
    const { counts, dropped, socketErrors } = this;
    const { io, segmentationRefused } = socket;
    return {
      ...counts,
      ...now,
      io,
      segmentationRefused,
      dropped: { ...dropped },
      socketErrors: { ...socketErrors },
    };
  }
}
