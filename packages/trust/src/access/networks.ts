import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

/** A set of networks such as `10.0.0.0/8`; an address alone is a network of one. */
export class Networks {
  readonly #list = new BlockList();

  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = '', bits] = network.split('/');
      const family = isIPv4(address) ? 'ipv4' : 'ipv6';
      if (bits === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(bits), family);
    }
  }

  /** `address`: numeric, with or without a zone. False for a name. */
  has(address: string): boolean {
    const bare = bareAddress(address);
    return isIP(bare) !== 0 && this.#list.check(bare, isIPv4(bare) ? 'ipv4' : 'ipv6');
  }
}

/** Without a zone, in its one form, and an address of IPv4 as what it is, however it is written. What is no address stays as it is. */
export function bareAddress(address: string): string {
  const bare = address.replace(/%.*$/u, '');
  if (!isIPv6(bare)) return bare;
  const plain = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/u.exec(plain) ?? [];
  if (high === undefined || low === undefined) return plain;
  return [high, low].flatMap((half) => [Number.parseInt(half, 16) >> 8, Number.parseInt(half, 16) & 255]).join('.');
}

export function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/u.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** The host of `host:port`, without brackets. */
export function hostOf(address: string): string {
  return address.replace(/:\d+$/u, '').replace(/^\[|\]$/gu, '');
}
