import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { KwikError } from '../errors/kwik-error.js';
import { KcpMessage } from '../gen/kwik/v1/control.js';
import { MAX_CONTROL_MESSAGE_BYTES } from '../limits/wire-limits.js';

/** A control message preceded by its length, as it goes on the control stream. */
export function encodeKcpMessage(message: KcpMessage): Uint8Array {
  return KcpMessage.encode(message, new BinaryWriter().fork()).join().finish();
}

/** A control message without its length prefix. */
export function decodeKcpMessage(bytes: Uint8Array): KcpMessage {
  if (bytes.length > MAX_CONTROL_MESSAGE_BYTES) {
    throw new KwikError('ERR_KWIK_PACKET_TOO_LARGE', `control message of ${bytes.length} bytes`);
  }
  let message: KcpMessage;
  try {
    message = KcpMessage.decode(bytes);
  } catch (error) {
    throw KwikError.from(error, 'ERR_KWIK_INVALID_MESSAGE');
  }
  if (message.header === undefined) throw new KwikError('ERR_KWIK_INVALID_MESSAGE', 'control message without header');
  return message;
}
