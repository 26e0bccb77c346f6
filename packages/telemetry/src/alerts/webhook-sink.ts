import { WebhookQueue } from '@kwik/trust';
import { checkArgument, optionRules } from '@kwik/wire';
import type { AlertChange } from './alert.js';

/**
 * Posts each change as JSON, one after the other, each up to five times; `onError` hears of what was given up. Throws
 * ERR_KWIK_INVALID_ARGUMENT for what is no URL.
 */
export function webhookSink(url: string, onError: (error: unknown) => void): (change: AlertChange) => void {
  checkArgument('webhookSink', 'url', url, optionRules.text);
  checkArgument('webhookSink', 'onError', onError, optionRules.call);
  const queue = new WebhookQueue({ url }, onError);
  return (change) => queue.tell(change);
}
