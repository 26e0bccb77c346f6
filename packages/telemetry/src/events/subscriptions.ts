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
    const guarded = (event: unknown): void => {
      try {
        listener(event);
      } catch (error) {
        onError(error);
      }
    };
    subscribe(name, guarded);
    return () => unsubscribe(name, guarded);
  });
  return () => {
    for (const end of endings) end();
  };
}
