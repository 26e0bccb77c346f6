/** What the primary tells the secondary, as JSON in a raw packet: write these ranges of the content. */
export interface WriteCommand {
  /** Id of the stream. A bigint, which JSON does not know, so it travels as a string. */
  readonly stream: string;
  /** Offset in the stream at which the content begins. */
  readonly base: number;
  /** From and to, in the content. Few enough for a raw packet of 16 KiB. */
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

/** First line of the answer, before the content. */
export interface Header {
  readonly size: number;
  readonly sha256: string;
}

export const encode = (value: WriteCommand | Header): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(value)}\n`);

export const decode = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));
