import { BlockList, isIP, isIPv4 } from 'node:net';

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
    const bare = address.replace(/%.*$/u, '').replace(/^::ffff:(?=\d+\.)/iu, '');
    return isIP(bare) !== 0 && this.#list.check(bare, isIPv4(bare) ? 'ipv4' : 'ipv6');
  }
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
