import type { TrustPolicy } from '@kwik/kcp';
import { withoutZone } from '@kwik/quic';
import { KwikError } from '@kwik/wire';
import type { ListenOptions, ServerCredentials } from '../api/options.js';
import { isLoopback } from '../client/target.js';
import { developmentCertificate } from '../credentials/dev-authority.js';

/** Without credentials, those of development, and trust in the other servers that have theirs from the same authority. */
export async function credentialsFor(
  host: string,
  { credentials, trust, runtime }: ListenOptions,
): Promise<{ credentials: ServerCredentials; trust: TrustPolicy }> {
  if (credentials !== undefined) return { credentials, trust: trust ?? {} };
  if (!isLoopback(host) && runtime?.network === undefined) {
    throw new KwikError(
      'ERR_KWIK_CREDENTIALS',
      `listening on ${host}, beyond this machine, takes credentials: give cert and key (PEM)`,
    );
  }
  const made = await developmentCertificate([...new Set(['localhost', '127.0.0.1', '::1', withoutZone(host)])]);
  return { credentials: { cert: made.certPem, key: made.keyPem }, trust: trust ?? { ca: made.ca } };
}
