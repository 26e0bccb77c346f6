/**
 * A primary that names a standby. It sends the content into each stream that a client opens, and prints its port. Arguments: the fleet's
 * key (hexadecimal), the standby's `host:port`, the bytes of the content.
 */
import { listen } from '@kwik/session';
import { addressOf, pattern, sourceOf } from '../harness.js';

const [key = '', address = '', bytes = ''] = process.argv.slice(2);
const source = sourceOf(pattern(Number(bytes)));
const fleetKeys = [new Uint8Array(Buffer.from(key, 'hex'))];
const listener = await listen({ takeover: { fleetKeys, standby: { address } }, replica: () => source });
process.stdout.write(`${addressOf(listener)}\n`);
for await (const session of listener) {
  void (async () => {
    for (;;) {
      const stream = await session.acceptStream();
      await stream.read();
      await stream.sendFrom('film', source, { end: true });
    }
  })().catch(() => undefined);
}
