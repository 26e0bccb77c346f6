import type { ProcessDiagnostics } from '@kwik/quic';
import { KwikError, type Clock, type HandshakeFinished } from '@kwik/wire';

type Attempt = Pick<HandshakeFinished, 'side' | 'address'>;

/** What became of an attempt, once it is known. */
export interface HandshakeOutcome {
  readonly purpose: HandshakeFinished['purpose'];
  readonly error?: KwikError;
}

/** Counts an attempt to open a session or a path by its outcome, and tells of it. */
export function tellHandshake(
  { counters, publisher }: ProcessDiagnostics,
  { side, address }: Attempt,
  { purpose, error }: HandshakeOutcome,
  durationMs: number,
): void {
  const result = error?.code ?? 'ok';
  counters.count(side === 'client' ? 'clientHandshakes' : 'serverHandshakes', result);
  publisher.publish('kwik:handshake:finished', () => {
    return { side, address, purpose, result, message: error?.message ?? '', durationMs };
  });
}

/** The same of an attempt that is a promise. */
export async function watchHandshake<T>(
  diagnostics: ProcessDiagnostics,
  clock: Pick<Clock, 'now'>,
  attempt: Attempt & Pick<HandshakeFinished, 'purpose'>,
  run: () => Promise<T>,
): Promise<T> {
  const { purpose } = attempt;
  const startedMs = clock.now();
  try {
    const result = await run();
    tellHandshake(diagnostics, attempt, { purpose }, clock.now() - startedMs);
    return result;
  } catch (thrown) {
    const error = KwikError.from(thrown, 'ERR_KWIK_CONNECT_FAILED');
    tellHandshake(diagnostics, attempt, { purpose, error }, clock.now() - startedMs);
    throw thrown;
  }
}
