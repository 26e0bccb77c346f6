/**
 * An honest client: for SECONDS it fetches `film` again and again (KIND=fetch), or dials and closes (KIND=dial). It
 * ends with a message of what it got.
 */
import { dial } from '@kwik/session';
import { setTimeout as wait } from 'node:timers/promises';

const address = `127.0.0.1:${process.env['PORT'] ?? ''}`;
const seconds = Number(process.env['SECONDS']);
const localAddress = process.env['FROM'];
const options = { timeouts: { dialMs: 5000 }, ...(localAddress !== undefined && { paths: { localAddress } }) };
const ends = performance.now() + seconds * 1000;
const result = { dialled: 0, refused: 0, bytes: 0, error: '' };

while (performance.now() < ends) {
  try {
    await once();
  } catch (error) {
    result.refused++;
    result.error = String(error);
    await wait(100);
  }
}
process.send?.({ ...result, megabitsPerSecond: (result.bytes * 8) / 1e6 / seconds }, () => process.exit(0));

async function once(): Promise<void> {
  const session = await dial(address, options);
  result.dialled++;
  if (process.env['KIND'] === 'fetch') {
    while (performance.now() < ends) {
      const stream = session.openStream();
      await stream.write('film');
      for await (const chunk of stream) {
        result.bytes += chunk.length;
        if (performance.now() > ends) break;
      }
    }
    await Promise.race([session.close(), wait(500)]);
    return;
  }
  await session.close();
  await wait(200);
}
