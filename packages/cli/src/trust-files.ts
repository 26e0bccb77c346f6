import type { ClientTrust } from '@kwik/session';
import { isSpiffeUri, parseSpiffeId } from '@kwik/wire';
import { usageError } from './errors.js';
import { readPem } from './serve/credentials.js';

/** Whom a client believes, as the command line says it: `--ca`, `--pin` and `--server-name`. */
export interface TrustFiles {
  readonly ca?: string;
  readonly pin: readonly string[];
  readonly serverName?: string;
}

/**
 * Undefined where none is given. Rejects with a usage error for a pin or a SPIFFE id that is none, and for a name that nothing
 * would look at, and as `readPem` does.
 */
export async function readTrust({ ca, pin, serverName }: TrustFiles): Promise<ClientTrust | undefined> {
  if (ca === undefined && pin.length === 0 && serverName === undefined) return undefined;
  for (const value of pin) {
    if (!/^(?:[0-9a-f]{64}|[A-Za-z0-9+/]{43}=?)$/iu.test(value)) {
      throw usageError(`--pin ${value} is not a SHA-256: 64 hexadecimal digits, or base64`);
    }
  }
  if (serverName !== undefined && isSpiffeUri(serverName)) parseSpiffeId(serverName);
  if (serverName !== undefined && ca === undefined && pin.length > 0) {
    throw usageError('--server-name needs --ca: with --pin alone the key itself is who the server is');
  }
  return {
    ...(ca !== undefined && { ca: await readPem('--ca', ca) }),
    ...(pin.length > 0 && { pins: pin }),
    ...(serverName !== undefined && { serverName }),
  };
}
