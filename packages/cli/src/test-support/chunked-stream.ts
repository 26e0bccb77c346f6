/** A stream that gives the chunks, then its end. */
export function chunkedStream(chunks: readonly Uint8Array[]): { read(): Promise<Uint8Array | null> } {
  let next = 0;
  return { read: () => Promise.resolve(chunks[next++] ?? null) };
}

/** `bytes` in pieces of `size`. */
export function inPieces(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}
