import { checkOptions, KwikError, optionRules } from '@kwik/wire';
import type { ReplicaSource, SendFromOptions } from '../../api/session.js';

/** Throws ERR_KWIK_INVALID_ARGUMENT for what is no content that could be sent. */
export function checkSource(key: string, source: ReplicaSource): void {
  if (typeof key !== 'string') throw invalid(`the key of content is a string, not of type ${typeof key}`);
  const { size, read } = (source as Partial<ReplicaSource> | null | undefined) ?? {};
  if (typeof size !== 'bigint')
    throw invalid(`the size of a source is a bigint, such as 5n, not of type ${typeof size}`);
  if (typeof read !== 'function') throw invalid('a source has a function read(offset, length, signal)');
}

const SEND_FROM = optionRules.group<SendFromOptions>({ end: optionRules.flag });

/** Whether the stream is to end with the content. Throws ERR_KWIK_INVALID_ARGUMENT for options that there are not. */
export function checkSendFrom(options: SendFromOptions): boolean {
  checkOptions(options, { call: 'sendFrom', root: SEND_FROM });
  return options.end === true;
}

function invalid(message: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', message);
}
