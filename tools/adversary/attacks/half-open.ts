import { setTimeout as wait } from 'node:timers/promises';
import { atLeast, finding, type Attack } from '../attack.js';
import { RawQuic } from '../raw/raw-quic.js';

const SECONDS = 12;
const ADDRESSES = 6;
const A_SECOND = 260;
const AT_FIRST = 2200;
const HELD_MS = 9500;
/** One dial in twenty may meet a full table. */
const HONEST_PERCENT = 95;

/** Handshakes that are never finished, from addresses that answer a Retry. */
export const halfOpen: Attack = {
  name: 'half-open',
  about: `${ADDRESSES} addresses begin handshakes and never finish them.`,
  quick: false,
  async run(scene) {
    const { child, port } = await scene.server();
    const beside = wait(1500).then(() => scene.honest('dial', port, SECONDS - 3));
    const begun = performance.now();
    const held: { readonly since: number; readonly quic: RawQuic }[] = [];
    let started = 0;
    while (performance.now() - begun < SECONDS * 1000) {
      const rate = started < AT_FIRST ? A_SECOND * 3 : A_SECOND;
      const due = ((performance.now() - begun) / 1000) * rate;
      for (; started < due; started++) {
        const quic = new RawQuic({ port, localAddress: `127.9.0.${1 + (started % ADDRESSES)}`, halfOpen: true });
        quic.connect(HELD_MS).catch(() => undefined);
        held.push({ since: performance.now(), quic });
      }
      while (held.length > 0 && performance.now() - held[0]!.since > HELD_MS) held.shift()!.quic.destroy();
      await wait(20);
    }
    const honest = await beside;
    for (const { quic } of held) quic.destroy();
    const percent = (100 * honest.dialled) / Math.max(1, honest.dialled + honest.refused);
    return [
      finding('the server', child.ending, 'alive', !child.ended),
      atLeast(`honest dials among ${started} half-open ones`, percent, HONEST_PERCENT, '%'),
    ];
  },
};
