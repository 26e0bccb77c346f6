import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';

const LOOPBACK = '127.0.0.1';

/** The first IPv4 address that is not this machine's own; without one, or where the system does not tell, loopback. */
export function defaultInterface(interfaces: typeof networkInterfaces = networkInterfaces): string {
  const addresses = Object.values(told(interfaces)).flatMap((list) => list ?? []);
  return addresses.find(({ address, internal }) => !internal && isIPv4(address))?.address ?? LOOPBACK;
}

function told(interfaces: typeof networkInterfaces): ReturnType<typeof networkInterfaces> {
  try {
    return interfaces();
  } catch {
    return {};
  }
}
