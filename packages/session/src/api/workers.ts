import type { Endpoint, WorkerSteering } from '@kwik/quic';

/** The place of this process among those that share one address. */
export interface WorkerSeat {
  /** 0 to 255; another one in each process that lives. */
  readonly worker: number;
  /** What the fleet was given for its workers; JSON. */
  readonly payload: unknown;
  /**
   * Called when the process is to let its sessions finish and end: `listener.close({ timeoutMs })`, and then exit. Clients
   * that are new go to other workers from then on. Called again when sessions are given less time than they had left.
   */
  onDrain(listener: (timeoutMs: number) => void): void;
  /**
   * Sends a message of the application's own, JSON, to the process of the fleet (`WorkerFleetOptions.onMessage`), in order. False:
   * it is not sent, because that process is gone, or does not read and 16,384 wait.
   */
  send(message: unknown): boolean;
  /**
   * Hears what `WorkerFleet.send` sends. Returns what ends that: while anybody listens, the process stays connected to that
   * of the fleet, also after the listener is closed.
   */
  onMessage(listener: (message: unknown) => void): () => void;
  /** Whether the process of the fleet is there. */
  readonly connected: boolean;
  /** For `listen`. */
  readonly binding: WorkerBinding;
}

/** What a listener is bound with. */
export interface WorkerBinding {
  readonly steering: WorkerSteering;
  /** 0 in the first worker of a fleet that may have any port. */
  readonly port: number;
  /** The port that the fleet was asked for. */
  readonly wantedPort: number;
  readonly retryKey: Uint8Array;
  readonly resetKey: Uint8Array;
  /** The listener takes clients, and what other workers hand over. */
  serve(endpoint: Pick<Endpoint, 'address' | 'takeHanded'>, stats: () => unknown): Promise<void>;
  /** It is closed. */
  stop(): void;
}

export interface WorkerFleetOptions {
  /** Processes, 1 to 64. */
  readonly count: number;
  /** The program that each runs; it asks for its seat by `workerSeat`, and listens with that. */
  readonly script: string;
  readonly args?: readonly string[];
  /** Default: those of this process. */
  readonly execArgv?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Where they listen; port 0, the default, lets the system choose. */
  readonly port?: number;
  /** What each worker is told, in `WorkerSeat.payload`; JSON. */
  readonly payload?: unknown;
  /** How long sessions may go on in a worker that another one replaces, milliseconds, to 86,400,000. Default: 600,000. */
  readonly drainMs?: number;
  /** How long a worker may take until it listens, milliseconds, to 86,400,000. Default: 20,000. */
  readonly startMs?: number;
  readonly onEvent?: (event: WorkerEvent) => void;
  /** Hears what `WorkerSeat.send` sends; of a worker that died, all that it sent comes before its event `died`. */
  readonly onMessage?: (worker: number, message: unknown) => void;
}

export interface WorkerEvent {
  readonly kind: 'started' | 'died' | 'draining' | 'drained';
  readonly worker: number;
  readonly pid: number;
  /** In words. */
  readonly reason: string;
}

export interface WorkerInfo {
  readonly worker: number;
  readonly pid: number;
  readonly state: 'starting' | 'serving' | 'draining';
}

/** Processes that share one address. */
export interface WorkerFleet extends AsyncDisposable {
  readonly address: { readonly address: string; readonly port: number };
  workers(): WorkerInfo[];
  /**
   * Sends a message, JSON, to a worker (`WorkerSeat.onMessage`). False: it is not sent, because there is no such worker, or it
   * does not read and 16,384 wait.
   */
  send(worker: number, message: unknown): boolean;
  /** `stats()` of each worker's listener; those that do not answer within a second are left out. */
  stats(): Promise<{ readonly worker: number; readonly stats: unknown }[]>;
  /**
   * Starts as many workers anew, and has those of before finish their sessions: one after the other, so that none is missing.
   * Resolves when the new ones serve. Rejects, and leaves the old ones, when a new one does not come to listen, and with
   * ERR_KWIK_LIMIT_EXCEEDED while those of three restarts before have sessions yet.
   */
  restart(): Promise<void>;
  /** Ends all: sessions have `timeoutMs` (default 5,000) to finish. Called again with less, they have less. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}
