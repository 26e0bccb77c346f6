/**
 * A server's name in tokens: `host:port` as the primary wrote it. Compared as text, the host without regard to case;
 * nothing is resolved, so `localhost:1` and `127.0.0.1:1` are two audiences.
 * A zone (`[fe80::1%eth0]:1`) is one machine's name for its interface (RFC 4007), so it does not count.
 */
export function normalAudience(audience: string): string {
  return audience.toLowerCase().replace(/%[^\]]*(?=\])/, '');
}

export function isAudience(named: string, audiences: readonly string[]): boolean {
  const wanted = normalAudience(named);
  return audiences.some((audience) => normalAudience(audience) === wanted);
}
