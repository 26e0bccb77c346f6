import type { ClientHandshakeResult } from '@kwik/kcp';
import { proto, type Clock, type PathId } from '@kwik/wire';
import { agreedIdleTimeoutMs, peerStreamLimits } from '../limits.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathPort } from '../runtime/paths/path-port.js';
import { PathRuntime } from '../runtime/paths/path-runtime.js';

/** A connection whose server has taken it for a path of the session. */
export interface EstablishedPath {
  readonly id: PathId;
  readonly address: string;
  readonly port: PathPort;
  readonly result: ClientHandshakeResult;
  readonly primary: boolean;
  /** Another server than before is the primary. */
  readonly anew?: boolean;
  /** What the primary lets this server do. */
  readonly capabilities?: readonly proto.Capability[];
  readonly weight?: number;
  /** The relay by way of which it leads. */
  readonly via?: string | undefined;
}

/** How the client's paths are. */
export interface OwnPathOptions {
  readonly clock: Clock;
  readonly compresses: boolean;
  readonly idleMs: number;
  readonly offsetMap: boolean | undefined;
}

export function newPath(context: SessionContext, made: EstablishedPath, own: OwnPathOptions): PathRuntime {
  const { id, address, port, result, primary, anew = false, capabilities = [], weight, via } = made;
  return new PathRuntime({
    id,
    address,
    primary,
    capabilities: capabilities.filter((capability) => result.capabilities.includes(capability)),
    ...(weight !== undefined && { weight }),
    via,
    serverId: result.serverId,
    port,
    renews: result.capabilities.includes(proto.Capability.RENEWAL),
    peer: {
      ...peerStreamLimits(result.limits),
      primary,
      anew,
      compresses: own.compresses && result.capabilities.includes(proto.Capability.COMPRESSION),
      mayContribute: capabilities.includes(proto.Capability.CONTRIBUTE),
      mayServe: capabilities.includes(proto.Capability.REPLICA),
    },
    idleTimeoutMs: agreedIdleTimeoutMs(own.idleMs, result.limits.idleTimeoutMs),
    offsetMap: own.offsetMap,
    machine: context.paths.machine(id),
    clock: own.clock,
    events: context.pathEvents,
  });
}
