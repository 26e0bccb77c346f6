/** Why a link did not deliver a packet. */
export type DropReason =
  /** The drop-tail queue was full. */
  | 'queue'
  /** Random loss. */
  | 'loss'
  /** Gilbert-Elliott loss. */
  | 'burst'
  /** The packet was larger than the MTU. */
  | 'mtu'
  /** The direction was cut. */
  | 'cut'
  /** The emulator's own memory bound, or the bound on clients. */
  | 'overflow'
  /** The system did not take the datagram. */
  | 'socket';

/** One direction since the link was made. Bytes are UDP payload, save those of the queue, which count overhead. */
export interface LinkDirectionStats {
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  readonly duplicated: number;
  readonly reordered: number;
  /** Waiting for the rate now, bytes with overhead, without the packet that is being sent. */
  readonly queueBytes: number;
  readonly peakQueueBytes: number;
  /** Inside the link now: waiting, being sent, or under way. */
  readonly packetsInside: number;
}

export type Counter = Exclude<keyof LinkDirectionStats, 'dropped'> | `dropped.${DropReason}`;

const COUNTERS: readonly Counter[] = [
  'packetsIn',
  'bytesIn',
  'packetsOut',
  'bytesOut',
  'dropped.queue',
  'dropped.loss',
  'dropped.burst',
  'dropped.mtu',
  'dropped.cut',
  'dropped.overflow',
  'dropped.socket',
  'duplicated',
  'reordered',
  'queueBytes',
  'peakQueueBytes',
  'packetsInside',
];
const INDEX: ReadonlyMap<Counter, number> = new Map(COUNTERS.map((name, index) => [name, index]));

/** Bytes of the buffer that `LinkCounters` needs. */
export const LINK_COUNTERS_BYTES = COUNTERS.length * Float64Array.BYTES_PER_ELEMENT;

/** Counters of one direction in one buffer: a shared one lets another thread read them while the link runs. */
export class LinkCounters {
  readonly #values: Float64Array;

  constructor(buffer: ArrayBuffer | SharedArrayBuffer = new ArrayBuffer(LINK_COUNTERS_BYTES)) {
    this.#values = new Float64Array(buffer, 0, COUNTERS.length);
  }

  get(counter: Counter): number {
    return this.#values[INDEX.get(counter) ?? -1] ?? 0;
  }

  set(counter: Counter, value: number): void {
    this.#values[INDEX.get(counter) ?? -1] = value;
  }

  add(counter: Counter, amount = 1): void {
    this.set(counter, this.get(counter) + amount);
  }

  snapshot(): LinkDirectionStats {
    return {
      packetsIn: this.get('packetsIn'),
      bytesIn: this.get('bytesIn'),
      packetsOut: this.get('packetsOut'),
      bytesOut: this.get('bytesOut'),
      dropped: {
        queue: this.get('dropped.queue'),
        loss: this.get('dropped.loss'),
        burst: this.get('dropped.burst'),
        mtu: this.get('dropped.mtu'),
        cut: this.get('dropped.cut'),
        overflow: this.get('dropped.overflow'),
        socket: this.get('dropped.socket'),
      },
      duplicated: this.get('duplicated'),
      reordered: this.get('reordered'),
      queueBytes: this.get('queueBytes'),
      peakQueueBytes: this.get('peakQueueBytes'),
      packetsInside: this.get('packetsInside'),
    };
  }
}
