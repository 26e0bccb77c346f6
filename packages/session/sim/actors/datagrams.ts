import { KwikError } from '@kwik/wire';
import { bytesOf } from '../world/content-bytes.js';
import type { World } from '../world/world.js';
import type { End } from './streams.js';

const COUNT = 20;
const EVERY_MS = 200;
const SIZES = [0, 1, 100, 1200, 5000, 16_384] as const;
const HEADER_BYTES = 4;

/** An end sends datagrams beside all else, every third one twice; what comes of the other's is exact, and comes once. */
export function runDatagrams(world: World, end: End): void {
  const came = new Set<number>();
  const check = (data: Uint8Array): void => {
    const number = new DataView(data.buffer, data.byteOffset).getUint32(0);
    const exact = number < COUNT && Buffer.from(datagramOf(world, number)).equals(data);
    if (!exact) world.violate('datagrams are exact', `${data.length} bytes that nobody sent, at the ${end.side}`);
    if (came.has(number)) world.violate('datagrams come once', `datagram ${number} came twice at the ${end.side}`);
    came.add(number);
  };
  void (async () => {
    for await (const data of end.session.datagrams()) check(data);
  })();
  for (let number = 0; number < COUNT; number++) {
    end.process.schedule(number * EVERY_MS, () => send(world, end, number));
  }
}

function send(world: World, { session }: End, number: number): void {
  try {
    session.sendDatagram(datagramOf(world, number), { copies: number % 3 === 0 ? 2 : 1 });
  } catch (error) {
    // The session may be over by now.
    if (!(error instanceof KwikError)) throw error;
  }
}

function datagramOf({ plan }: World, number: number): Uint8Array {
  const data = new Uint8Array(Math.min(SIZES[number % SIZES.length]! + HEADER_BYTES, 16_384));
  new DataView(data.buffer).setUint32(0, number);
  data.set(bytesOf(plan.seed + number + 1, data.length - HEADER_BYTES), HEADER_BYTES);
  return data;
}
