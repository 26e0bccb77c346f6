import { Duplex, type DuplexOptions } from 'node:stream';

/** A Duplex that may be one that exists already: classes on top of it add to it what they consist of. */
export class RebornDuplex extends Duplex {
  constructor(options: DuplexOptions, existing?: Duplex) {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- the subclass makes it one
    if (existing !== undefined) return existing;
    super(options);
  }
}
