import type { PathInfo, StreamIntent } from '@kwik/session';

/** What a client asks of a server, as a line of JSON at the beginning of a stream. */
export type StreamRequest =
  /** A multi-source stream: every server of the session sends. */
  | { readonly kind: 'content'; readonly bytes: number }
  /** One writer, that server. */
  | { readonly kind: 'bulk'; readonly bytes: number }
  /** One writer, a message of `messageBytes` every `everyMs`, until the reader stops. */
  | {
      readonly kind: 'drip';
      readonly messageBytes: number;
      readonly everyMs: number;
      /** How it is carried; default: as bulk. */
      readonly intent?: StreamIntent;
      /** The server writes all that goes in another stream at the same time. */
      readonly besideBulk?: boolean;
    };

/** PEM. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface ListenTask {
  readonly host: string;
  readonly credentials: Credentials;
  /** Of what it sends. Default: false. */
  readonly carefulResume?: boolean;
}

export interface RunTask {
  readonly ca: string;
  /** `host:port` of the primary, as this client reaches it. */
  readonly target: string;
  /** Where this client reaches the other servers. One that is not here is refused. */
  readonly via: Readonly<Record<string, string>>;
  /** Further ways to the primary, `host:port`. */
  readonly extraPaths: readonly string[];
  readonly request: StreamRequest;
  /** Ends after so many bytes, or so long after the dial began, or when told to stop. */
  readonly maxBytes: number;
  readonly maxMs: number;
  /** How often the paths are looked at. */
  readonly sampleMs: number;
}

/** Times are of this machine's monotonic clock (`nowMs`), which all processes share. */
export interface RunResult {
  /** Just before the dial. */
  readonly startMs: number;
  readonly endMs: number;
  /** Each of them was compared. */
  readonly bytes: number;
  readonly error?: string;
  /** What the reader got, and when. */
  readonly arrivals: readonly Arrival[];
  readonly samples: readonly PathSample[];
  /** At the end, before the session was closed. */
  readonly paths: readonly PathInfo[];
  readonly cpuSeconds: number;
}

export interface Arrival {
  readonly atMs: number;
  readonly bytes: number;
}

export interface PathSample {
  readonly atMs: number;
  readonly paths: readonly PathLook[];
}

interface PathLook {
  readonly id: number;
  readonly address: string;
  readonly state: string;
  readonly rttMs: number;
  readonly receivedBytes: number;
}

/** What the client tells unasked, when the first byte has arrived. */
export const RUNNING = 'running';

/** Milliseconds of CLOCK_MONOTONIC: the same in every process of the machine. */
export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
