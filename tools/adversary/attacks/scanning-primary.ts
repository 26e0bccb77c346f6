import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { dial, listen, type ServerSession } from '@kwik/session';
import { atMost, finding, type Attack, type Finding } from '../attack.js';

const COMMANDS = 14;
const SECONDS = 8;
/** A handful of dials' first packets. */
const MAX_KILOBYTES = 200;
/** Targets of different kinds: a client that tells them apart has scanned its network for the primary. */
const TARGETS = ['127.0.0.1:9', 'no-such-name.invalid:53', '169.254.169.254:80', '224.0.0.1:5353', '0.0.0.0:9'];

/** A primary that has its client send to a third party, and that would learn from it what there is in its network. */
export const scanningPrimary: Attack = {
  name: 'scanning-primary',
  about: 'A primary has its client dial a stranger again and again, and addresses in its network.',
  quick: true,
  async run(scene) {
    process.env['KWIK_DATA_DIR'] = `${scene.folder}/data`;
    const stranger = createSocket('udp4');
    let bytes = 0;
    stranger.on('message', ({ length }) => (bytes += length));
    stranger.bind(0, '127.0.0.77');
    await once(stranger, 'listening');
    const primary = await listen();
    const client = await dial(`127.0.0.1:${primary.address().port}`);
    try {
      const session = await primary.accept();
      const answers = await Promise.race([probe(session), wait(30_000, ['no answer'])]);
      await insist(session, `127.0.0.77:${stranger.address().port}`);
      return verdict(answers, bytes);
    } finally {
      await Promise.race([client.close(), wait(1000)]);
      await Promise.race([primary.close(), wait(1000)]);
      stranger.close();
    }
  },
};

/** Names the stranger again and again: many paths at once, each taken away and named anew. */
async function insist(session: ServerSession, address: string): Promise<void> {
  const ends = performance.now() + SECONDS * 1000;
  let commands = 0;
  while (performance.now() < ends) {
    if (commands < COMMANDS) {
      commands++;
      const command = session.addPath(address, { reconnect: false }).catch(() => undefined);
      void command.finally(() => commands--);
    }
    for (const { id, state } of session.getAllPaths()) {
      if (state === 'connecting') session.removePath(id).catch(() => undefined);
    }
    await wait(5);
  }
}

/** What the primary hears of each target. */
async function probe(session: ServerSession): Promise<string[]> {
  const answers: string[] = [];
  for (const target of TARGETS) {
    const answer = session.addPath(target, { reconnect: false }).then(
      () => 'added',
      (error: unknown) => (error as Error).message.replaceAll(target, 'TARGET'),
    );
    answers.push(await answer);
  }
  return answers;
}

function verdict(answers: readonly string[], bytes: number): Finding[] {
  const different = [...new Set(answers)];
  return [
    atMost(`sent to a silent stranger in ${SECONDS} s`, bytes / 1000, MAX_KILOBYTES, 'kB'),
    finding('answers about five kinds of targets', different.join(' | '), 'one and the same', different.length === 1),
  ];
}
