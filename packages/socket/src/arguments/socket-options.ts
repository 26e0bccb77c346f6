import type { DuplexOptions } from 'node:stream';
import type { OnReadOptions } from '../socket/user-buffer.js';
import { refuseSocket } from './refused-by-node.js';

/** Options of `new Socket`; those of `node:net`. */
export interface SocketOptions extends DuplexOptions {
  readonly onread?: OnReadOptions;
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveInitialDelay?: number;
}

/** Throws what `node:net` throws. */
export function checkSocketOptions(options: SocketOptions): void {
  const { objectMode, readableObjectMode, writableObjectMode, keepAliveInitialDelay } = options;
  const isObjectMode = Boolean(objectMode) || Boolean(readableObjectMode) || Boolean(writableObjectMode);
  const isDelay = keepAliveInitialDelay === undefined || typeof keepAliveInitialDelay === 'number';
  if (isObjectMode || !isDelay) refuseSocket(options);
}
