import { SeededRandom } from '@kwik/testbed';
import { setTimeout as wait } from 'node:timers/promises';
import { atLeast, atMost, finding, type Attack } from '../attack.js';
import { newConnectionIdFrame, pathChallengeFrame, pingFrame, retireConnectionIdFrame } from '../raw/frames.js';
import { RawQuic } from '../raw/raw-quic.js';

const CONNECTIONS = 400;
const AT_ONCE = 8;
const PACKETS = 40;
const MAX_FRAMES = 6;
/** Small numbers meet each other; what is out of all order ends a connection at once. */
const MAX_SEQUENCE = 12;
/** A loop of events that stands still for longer is one that goes round in circles, or nearly so. */
const MAX_LAG_MS = 2000;

/**
 * Connection ids that are announced, retired and announced again in every order: quiche once sent retirements of the id in
 * use for ever (CVE-2025-7054).
 */
export const retiredIds: Attack = {
  name: 'retired-ids',
  about: `${CONNECTIONS} clients announce and retire connection ids in every order.`,
  quick: false,
  async run(scene) {
    const { child, port } = await scene.server();
    let closed = 0;
    for (let first = 0; first < CONNECTIONS && !child.ended; first += AT_ONCE) {
      const seeds = Array.from({ length: AT_ONCE }, (_, index) => first + index);
      const ends = await Promise.all(seeds.map((seed) => shuffle(new RawQuic({ port }), new SeededRandom(seed))));
      closed += ends.filter(Boolean).length;
    }
    const honest = await scene.honest('dial', port, 2);
    const lagMs = Math.max(...child.vitals.map((vitals) => vitals.lagMs));
    return [
      finding('the server', child.ending, 'alive', !child.ended),
      atMost(`longest time that its loop stood still (${closed} of ${CONNECTIONS} closed)`, lagMs, MAX_LAG_MS, 'ms'),
      atLeast('honest dials afterwards', honest.dialled, 1, ''),
    ];
  },
};

/** Whether the server closed the connection. */
async function shuffle(quic: RawQuic, random: SeededRandom): Promise<boolean> {
  await quic.connect();
  // Some never acknowledge, so that retirements stay under way.
  quic.acknowledges = random.below(4) > 0;
  const ids = Array.from({ length: MAX_SEQUENCE + 1 }, (_, sequence) =>
    Buffer.alloc(1 + random.below(20), sequence + 1),
  );
  let least = 0;
  let highest = 0;
  for (let packet = 0; packet < PACKETS && quic.closed === undefined; packet++) {
    const frames: Buffer[] = [pingFrame];
    for (let count = 1 + random.below(MAX_FRAMES); count > 0; count--) {
      const kind = random.below(10);
      if (kind === 0) frames.push(retireConnectionIdFrame(random.below(3)));
      else if (kind === 1) frames.push(pathChallengeFrame());
      else {
        // Mostly the next one, which retires what was before; sometimes an old one, or the same again.
        const next = random.below(4) > 0 && highest < MAX_SEQUENCE;
        const sequence = next ? (highest += 1) : random.below(highest + 1);
        least = Math.max(least, random.below(3) > 0 ? sequence : 0);
        frames.push(newConnectionIdFrame(sequence, Math.min(least, sequence), ids[sequence]!));
      }
    }
    quic.send(Buffer.concat(frames));
    if (random.below(4) === 0) await wait(2);
  }
  await wait(20);
  const closed = quic.closed !== undefined;
  quic.destroy();
  return closed;
}
