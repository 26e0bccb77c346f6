/** An id as bytes; as text it is hexadecimal. */
export class QUICConnectionId extends Uint8Array {
  static fromString(text: string): QUICConnectionId {
    return new QUICConnectionId(Buffer.from(text, 'hex'));
  }

  static fromBuffer(bytes: Uint8Array): QUICConnectionId {
    return new QUICConnectionId(bytes);
  }

  toBuffer(): Buffer {
    return Buffer.from(this.buffer, this.byteOffset, this.byteLength);
  }

  override toString(): string {
    return this.toBuffer().toString('hex');
  }
}

/** Ids of both ends, which a session does not have: its own id and who the end is. */
export function idOfEnd(sessionId: string, end: 'client' | 'server'): QUICConnectionId {
  return QUICConnectionId.fromString(sessionId + (end === 'client' ? '00' : '01'));
}
