import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { DiagnosticEvents, DiagnosticName } from '@kwik/wire';

export type Listeners = { readonly [Name in DiagnosticName]?: (event: DiagnosticEvents[Name]) => void };

/**
 * Subscribes to channels of `node:diagnostics_channel` until the returned function is called. Node ends the process for
 * what a subscriber throws, and a fault of a listener here is no reason to: it goes to `onError`.
 */
export function listen(listeners: Listeners, onError: (error: unknown) => void = () => undefined): () => void {
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
