import type { proto } from '@kwik/wire';

/** The payload of a control message: a tagged union, `{ $case, value }`. */
export type KcpBody = NonNullable<proto.KcpMessage['body']>;
