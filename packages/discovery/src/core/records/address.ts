/** The bound of DNS names (RFC 1035, 2.3.4), and room for brackets, a zone and a port. */
const MAX_ADDRESS_LENGTH = 320;
const MAX_PORT = 65_535;

/** `host:port` or `[IPv6]:port` in two; undefined when it is neither, or holds what no terminal should be sent. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } | undefined {
  if (address.length > MAX_ADDRESS_LENGTH) return undefined;
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^\s\p{C}:[\]/@]+)):(\d{1,5})$/u.exec(address);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (port < 1 || port > MAX_PORT) return undefined;
  return { host: match[1] ?? match[2] ?? '', port };
}

export function joinAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
