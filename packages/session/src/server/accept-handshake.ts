import {
  errorToDetail,
  type AuthDecision,
  type ControlEvent,
  type ServerHandshake,
  type ServerHandshakeResult,
  type ServerStep,
} from '@kwik/kcp';
import { KwikError, type Clock, type PathTransport, type TransportCloseInfo } from '@kwik/wire';
import { PathPort } from '../runtime/paths/path-port.js';
import type { UserCallbacks } from '../runtime/host/user-callbacks.js';

export interface AcceptOptions {
  readonly timeoutMs: number;
  readonly wallClockMs: () => number;
  /** Last word before the client is told that it is in: throws to refuse. */
  readonly admit: (result: ServerHandshakeResult) => void;
  readonly callbacks: UserCallbacks;
}

const NO_DATA_YET = {
  onControlOpen: () => undefined,
  onChunk: () => undefined,
  onRealStreamEnd: () => undefined,
  onSendable: () => undefined,
};

/**
 * Waits for the client's control stream and authenticates it. On any failure the connection is closed. Undefined: another server asked
 * whether its sessions could be taken over, and has its answer.
 */
export function acceptHandshake(
  transport: PathTransport,
  handshake: ServerHandshake,
  clock: Clock,
  options: AcceptOptions,
): Promise<{ port: PathPort; result: ServerHandshakeResult } | undefined> {
  return new Promise((resolve, reject) => {
    let settled = false;
    const finish = (): void => {
      settled = true;
      timer.cancel();
    };
    const fail = (error: KwikError): void => {
      if (settled) return;
      finish();
      port.close(error.wireNumber, error.message.slice(0, 200));
      reject(error);
    };
    const answered = (): void => {
      if (!settled) finish();
      resolve(undefined);
    };
    const timer = clock.schedule(options.timeoutMs, () => {
      fail(new KwikError('ERR_KWIK_TIMEOUT', `no handshake from the client in ${options.timeoutMs} ms`));
    });
    const apply = (step: ServerStep): void => {
      if (settled) return;
      const channel = port.control?.channel;
      if (step.kind === 'decide') {
        const decided = decide(step, options.callbacks).then(apply);
        decided.catch((error: unknown) => fail(KwikError.from(error)));
        return;
      }
      const refusal = step.kind === 'accepted' ? refusalBy(options, step.result) : undefined;
      if (refusal !== undefined) {
        channel?.send({ $case: 'error', value: errorToDetail(refusal) }, clock.now());
        fail(refusal);
        return;
      }
      channel?.send(step.body, clock.now());
      port.control?.flush();
      if (step.kind === 'refused') fail(step.error);
      if (step.kind !== 'accepted') return;
      channel?.setSessionId(step.result.sessionId);
      port.control?.hold();
      finish();
      resolve({ port, result: step.result });
    };
    const onEvent = (event: ControlEvent): void => {
      if (settled || event.kind !== 'message') return;
      apply(handshake.handle(event.body, options.wallClockMs()));
    };
    const port: PathPort = new PathPort(transport, clock, {
      ...NO_DATA_YET,
      onControlEvent: onEvent,
      onControlFailure: fail,
      onClose: (info) => (isAnswered(info, handshake) ? answered() : fail(errorOf(info))),
    });
  });
}

/** It was shown a ticket that opens, as somebody who has nothing else to ask. */
function isAnswered({ code, error }: TransportCloseInfo, { couldTakeOver }: ServerHandshake): boolean {
  return error === undefined && code === 0 && couldTakeOver;
}

function errorOf({ error, reason }: TransportCloseInfo): KwikError {
  return error ?? new KwikError('ERR_KWIK_CONNECT_FAILED', `the client left: ${reason}`);
}

function refusalBy(options: AcceptOptions, result: ServerHandshakeResult): KwikError | undefined {
  try {
    options.admit(result);
    return undefined;
  } catch (error) {
    return KwikError.from(error, 'ERR_KWIK_CONNECTION_REFUSED');
  }
}

/** Whatever goes wrong in the application's check is a refusal; what went wrong is not the client's business. */
async function decide(step: Extract<ServerStep, { kind: 'decide' }>, callbacks: UserCallbacks): Promise<ServerStep> {
  let decision: AuthDecision = { accepted: false };
  try {
    decision = (await callbacks.tell('the check of an authenticator', async () => step.check?.(step.data))) ?? decision;
  } catch {
    // Refused; the application has been warned.
  }
  return step.decide(decision);
}
