import { KwikError } from '@kwik/wire';

/**
 * The signal among a call's options. Throws ERR_KWIK_INVALID_ARGUMENT for what is none, before anything waits for it: a call
 * that waits and cannot be told from its signal would be in the way of all that come after it.
 *
 * @param options an object with a signal, or undefined
 */
export function signalOf(options: unknown): AbortSignal | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== 'object' || options === null) {
    throw invalid(`the options of a call are an object, such as { signal }, not of type ${typeof options}`);
  }
  const { signal } = options as { readonly signal?: unknown };
  if (signal === undefined || isSignal(signal)) return signal;
  throw invalid('signal is no AbortSignal; of an AbortController give its member signal');
}

function isSignal(given: unknown): given is AbortSignal {
  if (typeof given !== 'object' || given === null) return false;
  const { addEventListener, removeEventListener } = given as Record<string, unknown>;
  return typeof addEventListener === 'function' && typeof removeEventListener === 'function';
}

function invalid(message: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', message);
}
