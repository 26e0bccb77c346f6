/** What hands the datagrams of a transfer on, in a process of its own, between a client and its server. */
interface Forwarder {
  /** Of 127.0.0.1: what the client dials in place of the server's. */
  readonly port: number;
  /** Ends it; what it has used. */
  end(): Promise<Forwarded>;
}

export interface Forwarded {
  readonly datagrams: number;
  readonly bytes: number;
  /** User and system time. */
  readonly cpuSeconds: number;
}

/** Starts one in front of the server at `targetPort` of 127.0.0.1. */
export type StartForwarder = (targetPort: number) => Promise<Forwarder>;
