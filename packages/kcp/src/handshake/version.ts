import { KwikError } from '@kwik/wire';

/** The version that this package speaks. */
export const PROTOCOL_VERSION = 1;
/** Newest first. */
export const SUPPORTED_VERSIONS: readonly number[] = [PROTOCOL_VERSION];

/** The newest version that both sides speak. Throws ERR_KWIK_VERSION_MISMATCH, which names the versions of both. */
export function negotiateVersion(client: readonly number[], server: readonly number[]): number {
  const common = client.filter((version) => server.includes(version));
  if (common.length === 0) {
    const sides = `the client speaks ${listed(client)}, the server ${listed(server)}`;
    throw new KwikError('ERR_KWIK_VERSION_MISMATCH', `no protocol version in common: ${sides}`);
  }
  return Math.max(...common);
}

function listed(versions: readonly number[]): string {
  return versions.length === 0 ? 'none' : versions.join(', ');
}
