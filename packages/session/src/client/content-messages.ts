import type { KcpBody } from '@kwik/kcp';
import type { KwikError, StreamId } from '@kwik/wire';
import type { ContentCommand, ContentReceiver } from '../core/content/content-receiver.js';

/** Content that is under way, as its client has it. */
export interface Content {
  readonly receiver: ContentReceiver;
  readonly grant: Uint8Array;
  /** The stream ends where the content does. */
  readonly endsStream: boolean;
  reportedMs: number;
  /** Why nothing comes behind it, if the primary that announced it is gone: another has the session. */
  orphaned: KwikError | undefined;
  /** Why the server that was lost to it last does not serve it. */
  refusal?: KwikError | undefined;
}

/** To a primary that did not announce it. */
export function resumeOf(streamId: StreamId, { receiver, grant }: Content): KcpBody {
  const { baseOffset, digestsEnd, ledger } = receiver;
  const { blockBytes } = ledger.shape;
  const value = { streamId, grant, baseOffset: BigInt(baseOffset), digestsEnd: BigInt(digestsEnd), blockBytes };
  return { $case: 'contentResume', value };
}

export function progressOf(streamId: StreamId, { receiver }: Content): KcpBody {
  const deliveredBytes = BigInt(receiver.ledger.verifiedBytes);
  const value = { streamId, deliveredBytes, digestsEnd: BigInt(receiver.digestsEnd), sources: receiver.progress() };
  return { $case: 'contentProgress', value };
}

/** `toPrimary`: it needs no grant, for it gave it, or was told of it. */
export function askingFor({ receiver, grant }: Content, command: ContentCommand, toPrimary: boolean): KcpBody {
  const { streamId } = receiver;
  if (command.kind === 'cancel')
    return { $case: 'rangeCancel', value: { streamId, requestIds: command.blocks.map(BigInt) } };
  const { block, offset, length, withGrant } = command;
  const value = {
    streamId,
    requestId: BigInt(block),
    offset: BigInt(offset),
    length,
    grant: withGrant && !toPrimary ? grant : new Uint8Array(0),
    baseOffset: BigInt(receiver.baseOffset),
  };
  return { $case: 'rangeRequest', value };
}
