import { BlockList, isIP } from 'node:net';
import { nodeError } from '../errors.js';

/** Throws what `node:net` throws; here because the oldest Nodes have no such option, and would let everybody through. */
export function checkBlockList(value: unknown): asserts value is BlockList {
  if (value instanceof BlockList) return;
  const text = 'The "options.blockList" property must be an net.BlockList.';
  throw nodeError(TypeError, 'ERR_INVALID_ARG_TYPE', text);
}

export function isBlocked(list: BlockList | undefined, address: string | undefined): boolean {
  const family = isIP(address ?? '');
  return list !== undefined && family !== 0 && list.check(address!, family === 6 ? 'ipv6' : 'ipv4');
}

/** As `node:net` says that it does not connect there. */
export function blocked(address: string): Error & { readonly code: string } {
  return Object.assign(new Error(`IP(${address}) is blocked by net.BlockList`), { code: 'ERR_IP_BLOCKED' });
}
