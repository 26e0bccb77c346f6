import { KwikError } from '@kwik/wire';
import { CONNECTION_ID_BYTES } from '../packets/connection-id.js';
import { Demultiplexer } from '../routing/demultiplexer.js';
import type { DatagramSource } from '../socket/datagram-socket.js';
import type { Allowance } from './allowance.js';

/** An anchor gives a connection one id, and another one when it sends a Retry; more only come from somebody else. */
const MAX_ANCHOR_IDS = 4;

/** A connection between a client and an anchor that passes by here. */
export interface FlowOptions {
  /** The id by which the client wants to be reached: the source id of its first packet; 8 bytes, new here. */
  readonly clientId: Uint8Array;
  /** The client's own connection to this endpoint, which knows where the client is now. */
  readonly client: { readonly remote: DatagramSource; readonly local?: { readonly address: string } };
  /** Where its server is: a numeric address, as the socket spells it. */
  readonly anchor: DatagramSource;
  /** Several flows may have one in common. */
  readonly allowance: Allowance;
}

export interface Flow extends FlowOptions {
  /** Ids by which the anchor is reached, as far as its packets have shown them. */
  readonly anchorIds: Uint8Array[];
}

/** What passes by, by the connection ids of both ends. */
export class FlowTable {
  private readonly flows = new Set<Flow>();
  private readonly byClientId = new Demultiplexer<Flow>();
  private readonly byAnchorId = new Demultiplexer<Flow>();

  constructor(private readonly maxFlows: number) {}

  get size(): number {
    return this.flows.size;
  }

  /** Throws ERR_KWIK_INVALID_ARGUMENT for an id that cannot be told apart, ERR_KWIK_LIMIT_EXCEEDED when there are too many. */
  add(options: FlowOptions): Flow {
    if (this.flows.size >= this.maxFlows) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `the relay forwards its ${this.maxFlows} connections (maxFlows)`);
    }
    const clientId = Uint8Array.from(options.clientId);
    const flow: Flow = { ...options, clientId, anchorIds: [] };
    // Short packets to the anchor are known by an id of its own: whoever registered that would keep them from it.
    if (this.byAnchorId.find(clientId, 0) !== undefined || !this.byClientId.add(clientId, flow)) {
      const text = `a connection id has ${CONNECTION_ID_BYTES} bytes and is not in use at the relay; take another one`;
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
    }
    this.flows.add(flow);
    return flow;
  }

  /** Does nothing for one that is gone. */
  remove(flow: Flow): void {
    if (!this.flows.delete(flow)) return;
    this.byClientId.remove(flow.clientId);
    for (const id of flow.anchorIds) this.byAnchorId.remove(id);
  }

  /** The flow whose client has the id that begins at `offset` of `bytes`. */
  ofClient(bytes: Uint8Array, offset: number): Flow | undefined {
    return this.byClientId.find(bytes, offset);
  }

  ofAnchor(bytes: Uint8Array, offset: number): Flow | undefined {
    return this.byAnchorId.find(bytes, offset);
  }

  /**
   * The anchor has shown an id of its own. One that another flow has, at either end, stays with that: ids are 64 random bits, so
   * whoever comes second has copied it.
   */
  learn(flow: Flow, anchorId: Uint8Array): void {
    if (flow.anchorIds.length >= MAX_ANCHOR_IDS || this.byClientId.find(anchorId, 0) !== undefined) return;
    const own = Uint8Array.from(anchorId);
    if (this.byAnchorId.add(own, flow)) flow.anchorIds.push(own);
  }
}
