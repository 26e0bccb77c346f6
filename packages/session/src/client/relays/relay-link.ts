import type { AnswerTo } from '@kwik/kcp';
import type { KwikError, PathTransport, proto } from '@kwik/wire';
import type { PathRuntime } from '../../runtime/paths/path-runtime.js';

/** What tells of a relay's state, and of its end: a path of this session, or a session of its own. */
export interface RelayLink {
  /** `host:port`, as it was named. */
  readonly address: string;
  readonly transport: PathTransport;
  readonly alive: boolean;
  open(request: proto.RelayOpen, timeoutMs: number): Promise<AnswerTo<'relayOpen'>>;
  close(request: proto.RelayClose): void;
  /** The relay's path or session ends; a new one gets a new grant. */
  end(cause: KwikError): void;
}

/** The path leads to the relay of that address. */
export function linkOver(path: PathRuntime, address: string, end: RelayLink['end']): RelayLink {
  return {
    address,
    get transport() {
      return path.port.transport;
    },
    get alive() {
      return path.alive;
    },
    open: (request, timeoutMs) => path.request('relayOpen', request, timeoutMs),
    close: (request) => path.send({ $case: 'relayClose', value: request }),
    end,
  };
}
