import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { checkShape, type WireShape } from '../codec/wire-shape.js';
import { KwikError } from '../errors/kwik-error.js';
import { ContentGrant, KcpMessage, PathToken, SessionTicket, SignedEnvelope } from '../gen/kwik/v1/control.js';
import { MAX_CONTROL_MESSAGE_BYTES } from '../limits/wire-limits.js';
import { BODY_RULES, HEADER_RULE, type KcpBody, SIGNED_RULES } from './message-rules.js';
import {
  CONTENT_GRANT_SHAPE,
  KCP_MESSAGE_SHAPE,
  PATH_TOKEN_SHAPE,
  SESSION_TICKET_SHAPE,
  SIGNED_ENVELOPE_SHAPE,
} from './message-shape.js';
import { describe, type Rule } from './rules.js';

/**
 * A control message preceded by its length, as it goes on the control stream. Throws KwikError of scope `local`:
 * ERR_KWIK_INVALID_MESSAGE for what a receiver would refuse, ERR_KWIK_PACKET_TOO_LARGE above MAX_CONTROL_MESSAGE_BYTES.
 */
export function encodeKcpMessage(message: KcpMessage): Uint8Array {
  const fault = faultOf(message);
  if (fault !== undefined) throw invalidMessage(fault, 'local');
  // `fork` and `join` write the length before the message.
  const bytes = KcpMessage.encode(message, new BinaryWriter().fork()).join().finish();
  if (bytes.length > MAX_CONTROL_MESSAGE_BYTES) {
    // The prefix of so long a message takes 3 bytes.
    checkSize(bytes.length - 3, 'local');
  }
  return bytes;
}

/**
 * A control message without its length prefix. Unknown fields are skipped, unknown enum values read as UNSPECIFIED, a
 * body that this version does not know reads as undefined. Bytes are views of `bytes`. Throws KwikError:
 * ERR_KWIK_PACKET_TOO_LARGE, ERR_KWIK_INVALID_MESSAGE.
 */
export function decodeKcpMessage(bytes: Uint8Array): KcpMessage {
  checkSize(bytes.length);
  checkShape(bytes, KCP_MESSAGE_SHAPE, invalidMessage);
  const message = decoding(() => KcpMessage.decode(bytes));
  if (message.header !== undefined) HEADER_RULE.known?.(message.header);
  if (message.body !== undefined) ruleOf(message.body).known?.(message.body.value);
  const fault = faultOf(message);
  if (fault !== undefined) throw invalidMessage(fault);
  return message;
}

/** The token of AddPath and Join, out of its envelope. Throws as `decodeKcpMessage` does. */
export function decodePathToken(bytes: Uint8Array): PathToken {
  return decodeSigned(bytes, PATH_TOKEN_SHAPE, SIGNED_RULES.pathToken, PathToken);
}

/** The grant of ContentStart and RangeRequest, out of its envelope. Throws as `decodeKcpMessage` does. */
export function decodeContentGrant(bytes: Uint8Array): ContentGrant {
  return decodeSigned(bytes, CONTENT_GRANT_SHAPE, SIGNED_RULES.contentGrant, ContentGrant);
}

/** The sealed session of Standby and Takeover, once it is opened. Throws as `decodeKcpMessage` does. */
export function decodeSessionTicket(bytes: Uint8Array): SessionTicket {
  return decodeSigned(bytes, SESSION_TICKET_SHAPE, SIGNED_RULES.sessionTicket, SessionTicket);
}

/** What a token or a grant travels in. Checks lengths, not the signature. Throws as `decodeKcpMessage` does. */
export function decodeSignedEnvelope(bytes: Uint8Array): SignedEnvelope {
  return decodeSigned(bytes, SIGNED_ENVELOPE_SHAPE, SIGNED_RULES.signedEnvelope, SignedEnvelope);
}

function decodeSigned<M>(
  bytes: Uint8Array,
  shape: WireShape,
  rule: Rule<M>,
  type: { readonly decode: (input: Uint8Array) => M },
): M {
  checkSize(bytes.length);
  checkShape(bytes, shape, invalidMessage);
  const message = decoding(() => type.decode(bytes));
  rule.known?.(message);
  const fault = rule.fault(message);
  if (fault !== undefined) throw invalidMessage(fault);
  return message;
}

function faultOf({ header, body }: KcpMessage): string | undefined {
  if (header === undefined) return 'has no header';
  return (
    describe('header', HEADER_RULE.fault(header)) ?? (body && describe(body.$case, ruleOf(body).fault(body.value)))
  );
}

/** The table pairs each case with the rule of its value; the compiler loses the pairing in the union. */
function ruleOf(body: KcpBody): Rule<KcpBody['value']> {
  return BODY_RULES[body.$case] as Rule<KcpBody['value']>;
}

function decoding<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw KwikError.from(error, 'ERR_KWIK_INVALID_MESSAGE');
  }
}

function checkSize(length: number, scope: 'local' | 'peer' = 'peer'): void {
  if (length <= MAX_CONTROL_MESSAGE_BYTES) return;
  const message = `control message of ${length} bytes; at most ${MAX_CONTROL_MESSAGE_BYTES} are allowed`;
  throw new KwikError('ERR_KWIK_PACKET_TOO_LARGE', message, { scope });
}

function invalidMessage(fault: string, scope: 'local' | 'peer' = 'peer'): KwikError {
  return new KwikError('ERR_KWIK_INVALID_MESSAGE', `control message: ${fault}`, { scope });
}
