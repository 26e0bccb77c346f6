import type { proto } from '@kwik/wire';

/** The payload of a control message: a tagged union, `{ $case, value }`. */
export type KcpBody = NonNullable<proto.KcpMessage['body']>;

/** What messages of each kind hold. */
export type ControlValues = { readonly [K in KcpBody['$case']]: Extract<KcpBody, { readonly $case: K }>['value'] };
