import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  checkArgument,
  checkOptions,
  DIAGNOSTIC_NAMES,
  optionRules,
  type DiagnosticEvents,
  type DiagnosticName,
} from '@kwik/wire';

export type Listeners = { readonly [Name in DiagnosticName]?: (event: DiagnosticEvents[Name]) => void };

const { call, group } = optionRules;
const NAMES = Object.fromEntries(DIAGNOSTIC_NAMES.map((name) => [name, call])) as Record<DiagnosticName, typeof call>;
const RULES = group<Listeners>(NAMES);

/**
 * Subscribes to channels of `node:diagnostics_channel` until the returned function is called. Node ends the process for
 * what a subscriber throws, and a fault of a listener here is no reason to: it goes to `onError`. Throws
 * ERR_KWIK_INVALID_ARGUMENT for a channel that there is not, and for what is no function.
 */
export function listen(listeners: Listeners, onError: (error: unknown) => void = () => undefined): () => void {
  checkOptions(listeners, { call: 'listen', root: RULES });
  checkArgument('listen', 'onError', onError, call);
  const entries = Object.entries(listeners) as [string, (event: unknown) => void][];
  const endings = entries.map(([name, listener]) => {
    const guarded = (event: unknown): void => attempt(() => listener(event), onError);
    subscribe(name, guarded);
    return () => unsubscribe(name, guarded);
  });
  return () => {
    for (const end of endings) end();
  };
}

/** No callback of an application ends the process: what it throws goes to `onError`, and what that throws, nowhere. */
export function attempt(callback: () => void, onError: (error: unknown) => void = () => undefined): void {
  try {
    callback();
  } catch (error) {
    try {
      onError(error);
    } catch {
      // It has nobody to be told.
    }
  }
}
