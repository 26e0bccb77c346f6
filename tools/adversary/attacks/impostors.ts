import { setTimeout as wait } from 'node:timers/promises';
import { dial, pskClientAuth } from '@kwik/session';
import { finding, type Attack, type Finding } from '../attack.js';
import { PSK } from '../processes/shared.js';
import type { Scene } from '../scene/scene.js';
import { relayHandshake, takeAnyJoin, withImpostor } from '../scene/impostor.js';

const RECOVERY_MS = 12_000;
const QUESTION = 'secret question';

/** The primary dies; at another of its addresses answers somebody with a valid certificate, and nothing else. */
async function rejoin(scene: Scene): Promise<Finding[]> {
  const { child, port } = await scene.server({ AUTH: 'psk' });
  return withImpostor(scene, async (impostor) => {
    const read: string[] = [];
    takeAnyJoin(impostor, (text) => read.push(text));
    const session = await dial(`127.0.0.1:${port}`, {
      paths: { alternatives: [`127.0.0.1:${impostor.port}`] },
      timeouts: { recoveryMs: RECOVERY_MS },
      auth: [pskClientAuth({ key: PSK, name: 'laptop' })],
    });
    const stream = session.openStream();
    await child.kill();
    await wait(2000);
    stream.write(QUESTION).catch(() => undefined);
    const info = await Promise.race([session.closed, wait(RECOVERY_MS + 10_000)]);
    const heard = read.join('') || 'nothing';
    return [
      finding('what the impostor read', heard, 'nothing', heard === 'nothing'),
      finding('the session', info === undefined ? 'goes on' : 'ended', 'ended', info !== undefined),
    ];
  });
}

/** Somebody whose certificate the client accepts passes the handshake of a pre-shared key on to the true server. */
async function relayed(scene: Scene): Promise<Finding[]> {
  const { port } = await scene.server({ AUTH: 'psk' });
  return withImpostor(scene, async (impostor) => {
    const secrets: string[] = [];
    await relayHandshake(impostor, port, (secret) => secrets.push(Buffer.from(secret).toString('hex')));
    const outcome = await dial(`127.0.0.1:${impostor.port}`, {
      auth: [pskClientAuth({ key: PSK, name: 'laptop' })],
      timeouts: { dialMs: 5000 },
    }).then(
      async (session) => {
        await Promise.race([session.close(), wait(500)]);
        return 'open';
      },
      (error: unknown) => `refused: ${String(error)}`,
    );
    return [
      finding('secrets that the man in the middle got', secrets.length, '0', secrets.length === 0),
      finding('the client’s session', outcome, 'refused', outcome.startsWith('refused')),
    ];
  });
}

export const impostors: readonly Attack[] = [
  {
    name: 'impostor-rejoin',
    about: 'A primary dies, and a server that knows nothing of the session takes its place.',
    quick: true,
    run: rejoin,
  },
  {
    name: 'relayed-key',
    about: 'A server with a valid certificate relays the handshake of a pre-shared key.',
    quick: true,
    run: relayed,
  },
];
