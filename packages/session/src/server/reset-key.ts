import { createHmac } from 'node:crypto';
import { KwikError } from '@kwik/wire';

const MIN_KEY_BYTES = 32;

/**
 * The key of one listener: servers that share a key must not answer for each other's connections, or whoever knows a
 * connection id of one could have the other make its reset (RFC 9000, section 21.11). A port that the system chooses is
 * not had again, so there is nothing to tell.
 */
export function listenerResetKey(key: Uint8Array | undefined, host: string, port: number): Uint8Array | undefined {
  if (key === undefined) return undefined;
  if (key.length < MIN_KEY_BYTES) {
    const text = `identity.resetKey has ${key.length} bytes; at least ${MIN_KEY_BYTES} random ones are needed`;
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
  }
  if (port === 0) return undefined;
  return createHmac('sha256', key).update(`kwik stateless reset ${host} ${port}`).digest();
}
