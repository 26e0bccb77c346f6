import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { dial, type PathInfo, type Session } from '@kwik/session';
import { atMost, finding, type Attack, type Finding } from '../attack.js';
import { InjectingLink } from '../scene/injecting-link.js';
import type { Scene } from '../scene/scene.js';

const RATE = 20_000;
const ID_BYTES = 8;
/** RFC 9000, 10.1: nothing valid came, so the path ends; suspicion and three probes take less than this. */
const NOTICED_MS = 10_000;

interface Stage {
  readonly session: Session;
  readonly link: InjectingLink;
  readonly serverPort: number;
  readonly states: PathInfo['state'][];
}

/** A client that reaches a server over a link at which somebody can forge source addresses. */
async function withStage(scene: Scene, run: (stage: Stage) => Promise<Finding[]>): Promise<Finding[]> {
  const { port: serverPort } = await scene.server();
  process.env['KWIK_DATA_DIR'] = `${scene.folder}/data`;
  const link = await InjectingLink.between(serverPort);
  const session = await dial(`127.0.0.1:${link.port}`, { timeouts: { recoveryMs: 2000 } });
  const states: PathInfo['state'][] = [];
  session.onPathChange(({ state }) => states.push(state));
  try {
    return await run({ session, link, serverPort, states });
  } finally {
    await Promise.race([session.close(), wait(500)]);
    link.close();
  }
}

async function echoes(session: Session): Promise<boolean> {
  const stream = session.openStream();
  await stream.write('still there?');
  await stream.close();
  const text: Uint8Array[] = [];
  for await (const chunk of stream) text.push(chunk);
  return Buffer.concat(text).toString() === 'still there?';
}

async function goesOn({ session, states }: Stage): Promise<Finding[]> {
  const answer = await Promise.race([echoes(session).catch(String), wait(3000, 'no answer')]);
  return [
    finding('an echo afterwards', String(answer), 'true', answer === true),
    finding('the path was called', states.join(', ') || 'nothing', 'nothing', states.length === 0),
  ];
}

/** With a short header, as a packet of a connection in progress looks. */
function shortGarbage(length: number, id?: Buffer): Buffer {
  const bytes = randomBytes(length);
  bytes[0] = 0x40 | (bytes[0]! & 0x3f);
  id?.copy(bytes, 1);
  return bytes;
}

export const packetsFromNobody: readonly Attack[] = [
  {
    name: 'garbage-to-client',
    about: 'Somebody who knows addresses and ports, and no id, sends a client garbage in its server’s name.',
    quick: true,
    run: (scene) =>
      withStage(scene, async (stage) => {
        await stage.link.inject('client', 160_000, RATE, () => shortGarbage(21));
        return goesOn(stage);
      }),
  },
  {
    name: 'garbage-to-server',
    about: 'Somebody who sees packets go by sends the server garbage with the client’s address and the right id.',
    quick: true,
    run: (scene) =>
      withStage(scene, async (stage) => {
        await echoes(stage.session);
        const id = stage.link.lastShort!.subarray(1, 1 + ID_BYTES);
        await stage.link.inject('server', 160_000, RATE, () => shortGarbage(29, id), stage.serverPort);
        return goesOn(stage);
      }),
  },
  {
    name: 'garbage-for-life',
    about: 'A server has gone; garbage in its name, 20 datagrams a second, shall keep its path alive.',
    quick: true,
    run: (scene) =>
      withStage(scene, async ({ link, session }) => {
        const begun = performance.now();
        link.cut();
        const injected = link.inject('client', 20 * (NOTICED_MS / 1000), 20, () => shortGarbage(40));
        const ended = await Promise.race([session.closed, injected]);
        await Promise.race([injected, wait(0)]);
        const seconds = (performance.now() - begun) / 1000;
        const what = ended === undefined ? 'the session still waits after' : 'the session ended after';
        return [atMost(what, seconds, NOTICED_MS / 1000 - 0.5, 's')];
      }),
  },
];
