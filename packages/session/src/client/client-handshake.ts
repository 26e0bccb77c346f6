import type { ControlEvent, KcpBody } from '@kwik/kcp';
import { KwikError, type Clock, type ErrorCode, type SessionId, type TransportCloseInfo } from '@kwik/wire';
import { PathPort, type PathPortOwner } from '../runtime/paths/path-port.js';
import type { PathTransport } from '@kwik/wire';

export interface HandshakeDriverOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly address: string;
  /** What the peer is told when the time is over. Default: ERR_KWIK_TIMEOUT. */
  readonly timeoutCode?: ErrorCode;
  /** The hello is under way: what `send` is given follows at once, and is the session's once the server has admitted it. */
  readonly onHello?: (send: (body: KcpBody) => void) => void;
  /** Called once, when the connection is closed, in the handshake or long after. */
  readonly onClosed?: (() => void) | undefined;
}

/** What is said in it: a `ClientHandshake`, or a part of one. */
export interface HandshakeSteps<R extends { readonly sessionId: SessionId }> {
  start(): KcpBody;
  handle(body: KcpBody): { readonly send?: KcpBody; readonly done?: R };
}

/** Opens the control stream on a fresh connection and authenticates. On any failure the connection is closed. */
export function shakeHands<R extends { readonly sessionId: SessionId }>(
  transport: PathTransport,
  handshake: HandshakeSteps<R>,
  clock: Clock,
  options: HandshakeDriverOptions,
): Promise<{ port: PathPort; result: R }> {
  return new Promise((resolve, reject) => {
    let settled = false;
    const fail = (error: KwikError, told = error): void => {
      if (settled) return;
      finish();
      port.close(told.wireNumber, error.message.slice(0, 200));
      reject(error);
    };
    const onAbort = (): void => fail(new KwikError('ERR_KWIK_ABORTED', 'the operation was aborted'));
    const timer = clock.schedule(options.timeoutMs, () => {
      const text = `${options.address} did not answer the KWIK handshake in ${options.timeoutMs} ms`;
      fail(new KwikError('ERR_KWIK_TIMEOUT', text), new KwikError(options.timeoutCode ?? 'ERR_KWIK_TIMEOUT'));
    });
    const finish = (): void => {
      settled = true;
      timer.cancel();
      options.signal?.removeEventListener('abort', onAbort);
    };
    const onEvent = (event: ControlEvent): void => {
      if (settled || event.kind !== 'message') return;
      const step = handshake.handle(event.body);
      if (step.send !== undefined) port.control?.channel.send(step.send, clock.now());
      if (step.done === undefined) return;
      port.control?.channel.setSessionId(step.done.sessionId);
      port.control?.hold();
      finish();
      resolve({ port, result: step.done });
    };
    const owner: PathPortOwner = {
      onControlOpen: () => undefined,
      onControlEvent: onEvent,
      onControlFailure: fail,
      onChunk: () => undefined,
      onRealStreamEnd: () => undefined,
      onSendable: () => undefined,
      onClose: (info) => fail(closedDuringHandshake(info, options.address)),
    };
    const port: PathPort = new PathPort(transport, clock, owner, options.onClosed);
    if (options.signal?.aborted === true) onAbort();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      port.openControl();
      const send = sendingOver(port, clock, fail);
      send(handshake.start());
      options.onHello?.(send);
    } catch (error) {
      fail(KwikError.from(error));
    }
  });
}

/** What cannot be sent, because it is too long or too much waits, ends the handshake, and throws at nobody. */
function sendingOver(port: PathPort, clock: Clock, fail: (error: KwikError) => void): (body: KcpBody) => void {
  return (body) => {
    if (port.transport.closed) return;
    try {
      port.control?.channel.send(body, clock.now());
      port.control?.flush();
    } catch (error) {
      fail(KwikError.from(error));
    }
  };
}

function closedDuringHandshake(info: TransportCloseInfo, address: string): KwikError {
  if (info.error !== undefined) return info.error;
  const why = info.reason === '' ? `code ${info.code}` : info.reason;
  return new KwikError('ERR_KWIK_CONNECT_FAILED', `${address} closed the connection during the handshake: ${why}`);
}
