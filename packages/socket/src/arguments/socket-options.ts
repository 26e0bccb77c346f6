import type { BlockList } from 'node:net';
import type { DuplexOptions } from 'node:stream';
import type { OnReadOptions } from '../socket/user-buffer.js';
import { checkBlockList } from './block-list.js';
import { refuseSocket } from './refused-by-node.js';
import { checkTypeOfService } from './type-of-service.js';

/** Options of `new Socket`; those of `node:net`. */
export interface SocketOptions extends DuplexOptions {
  readonly onread?: OnReadOptions;
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveInitialDelay?: number;
  /** Addresses to which it does not connect (Node 22.13). */
  readonly blockList?: BlockList;
  /** See `setTypeOfService`. */
  readonly typeOfService?: number;
}

/** Throws what `node:net` throws. */
export function checkSocketOptions(options: SocketOptions): void {
  const { objectMode, readableObjectMode, writableObjectMode, keepAliveInitialDelay, blockList, typeOfService } =
    options;
  const isObjectMode = Boolean(objectMode) || Boolean(readableObjectMode) || Boolean(writableObjectMode);
  const isDelay = keepAliveInitialDelay === undefined || typeof keepAliveInitialDelay === 'number';
  if (isObjectMode || !isDelay) refuseSocket(options);
  if (blockList) checkBlockList(blockList);
  if (typeOfService !== undefined) checkTypeOfService(typeOfService, 'options.typeOfService');
}
