import type { AlertChange } from './alert.js';

const TIMEOUT_MS = 5_000;
/** A receiver that does not answer must not pile up alerts here. */
const MAX_UNDER_WAY = 4;

/** Posts each change as JSON. What cannot be posted is counted by `onError`, and not tried again. */
export function webhookSink(url: string, onError: (error: unknown) => void): (change: AlertChange) => void {
  let underWay = 0;
  return (change) => {
    if (underWay >= MAX_UNDER_WAY) return onError(new Error('the receiver of alerts does not keep up'));
    underWay += 1;
    const request = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(change),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    };
    fetch(url, request)
      .then((response) => {
        if (!response.ok) onError(new Error(`the receiver of alerts answered ${response.status}`));
      }, onError)
      .finally(() => (underWay -= 1));
  };
}
