import {
  errorToDetail,
  isRequest,
  maySend,
  type ControlSpeaker,
  type KcpBody,
  type ReplyTo,
  type RequestKind,
} from '@kwik/kcp';
import { KwikError } from '@kwik/wire';
import type { PathRuntime } from '../paths/path-runtime.js';
import type { ControlHandlers, Feature } from './feature.js';

type Kind = KcpBody['$case'];
type Reply = ReplyTo<RequestKind>;
type Handler = (path: PathRuntime, value: KcpBody['value']) => Reply | Promise<Reply> | void;

/** The path over which a message came, as far as its right to send it goes. */
export type Speaker = Pick<PathRuntime, 'primary' | 'id' | 'address'>;

/** Hands the peers' control messages to the features of a session. */
export class ControlDispatch {
  readonly #side: 'client' | 'server';
  readonly #handlers = new Map<Kind, Handler>();

  /** `side`: of the session, which its peers speak to. Throws ERR_KWIK_INTERNAL when two features claim a kind. */
  constructor(side: 'client' | 'server', features: readonly Feature[]) {
    this.#side = side;
    for (const { handlers = {} } of features) this.#add(handlers);
  }

  /**
   * What becomes of a message: a feature takes care of it, it is a request that nobody serves here, or a notice of no use.
   * Throws, which ends the path, when it is not its sender's to send.
   */
  verdict(path: Speaker, kind: Kind): 'handled' | 'unsupported' | 'ignored' {
    requireSender(path, this.#side, kind);
    if (this.#handlers.has(kind)) return 'handled';
    return isRequest(kind) ? 'unsupported' : 'ignored';
  }

  /** Throws as `verdict` does, and what a handler throws: both end the path. */
  dispatch(path: PathRuntime, id: bigint, { $case: kind, value }: KcpBody): void {
    const verdict = this.verdict(path, kind);
    // Told at once, where silence would cost the asker its deadline.
    if (verdict === 'unsupported')
      path.reply(id, failure(new KwikError('ERR_KWIK_UNSUPPORTED', `${kind} is not served here`)));
    else if (verdict === 'handled') this.#handle(path, id, kind, value);
  }

  #handle(path: PathRuntime, id: bigint, kind: Kind, value: KcpBody['value']): void {
    const answer = this.#handlers.get(kind)?.(path, value);
    if (answer === undefined) return;
    if (!(answer instanceof Promise)) path.reply(id, answer);
    else
      answer.then(
        (body) => path.reply(id, body),
        (error: unknown) => path.reply(id, failure(error)),
      );
  }

  #add(handlers: ControlHandlers): void {
    for (const [kind, handler] of Object.entries(handlers) as [Kind, Handler][]) {
      if (this.#handlers.has(kind)) throw new KwikError('ERR_KWIK_INTERNAL', `two features take care of ${kind}`);
      this.#handlers.set(kind, handler);
    }
  }
}

/** The answer to a request that was not done. */
export function failure(error: unknown): Extract<KcpBody, { readonly $case: 'error' }> {
  return { $case: 'error', value: errorToDetail(KwikError.from(error)) };
}

/** Throws when the peer of a path sends what is not its to send; `to`: who is spoken to. */
function requireSender({ primary, id, address }: Speaker, to: 'client' | 'server', kind: Kind): void {
  const server: ControlSpeaker = primary ? 'primary' : 'secondary';
  if (maySend(to === 'server' ? 'client' : server, kind)) return;
  const who =
    to === 'server'
      ? 'no client sends a server'
      : `${maySend('primary', kind) ? 'only the primary' : 'no server'} sends a client`;
  throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `${who} ${kind}, and ${address} sent one on path ${id}`);
}
