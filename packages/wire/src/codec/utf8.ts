/** Whether the bytes from `start` to `end` are UTF-8 (RFC 3629): no longer forms than needed, no surrogates. */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at++] as number;
    if (lead < 0x80) continue;
    const more = continuationBytes(lead);
    if (more === 0 || more > end - at || !isSecondByte(lead, bytes[at++] as number)) return false;
    for (const behind = at + more - 1; at < behind; at++) if (((bytes[at] as number) & 0xc0) !== 0x80) return false;
  }
  return true;
}

/** Bytes that follow a first byte of more than seven bits; 0 for one that begins nothing. */
function continuationBytes(lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 0;
  if (lead < 0xe0) return 1;
  return lead < 0xf0 ? 2 : 3;
}

/** The second byte alone tells a form longer than needed, a surrogate, and what lies beyond U+10FFFF. */
function isSecondByte(lead: number, second: number): boolean {
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  return second >= lowest && second <= highest;
}

/** Bytes of the text in UTF-8. Half a surrogate pair counts as the replacement character, which an encoder writes. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    // Two units of a pair make four bytes.
    if (isHighSurrogate(unit) && isLowSurrogate(text.charCodeAt(at + 1))) at++;
  }
  return bytes;
}

const isHighSurrogate = (unit: number): boolean => (unit & 0xfc00) === 0xd800;
const isLowSurrogate = (unit: number): boolean => (unit & 0xfc00) === 0xdc00;
