/** A message of the file protocol of `kwik serve`: its length, then JSON. */
export function fileMessage(message: object): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}
