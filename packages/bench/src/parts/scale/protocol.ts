/** First byte of every stream: send back what comes, or send as many bytes as the next four say (big end first). */
const ECHO = 0;
export const BULK = 1;
export const REQUEST_BYTES = 5;

export const CHUNK_BYTES = 65_536;
const ECHO_BYTES = 100;

export function bulkRequest(bytes: number): Buffer {
  const request = Buffer.alloc(REQUEST_BYTES);
  request[0] = BULK;
  request.writeUInt32BE(bytes, 1);
  return request;
}

/** What an echo stream sends: not the same for any two sessions in a row. */
export function echoMessage(number: number): Buffer {
  const message = Buffer.alloc(ECHO_BYTES, number & 0xff);
  message[0] = ECHO;
  message.writeUInt32BE(number, 1);
  return message;
}
