import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finding, type Attack, type Finding } from '../attack.js';
import type { Scene } from '../scene/scene.js';

const FILE_BYTES = 8_000_000;
const DOWNLOADS = 4;

async function download(scene: Scene, mode: 'forge' | 'trailer'): Promise<Finding[]> {
  const folder = join(scene.folder, 'files');
  mkdirSync(folder);
  const truth = randomBytes(FILE_BYTES);
  writeFileSync(join(folder, 'film.bin'), truth);
  const peer = scene.start('tools/adversary/processes/forging-peer.ts', {
    env: { MODE: mode, FILE: join(folder, 'film.bin') },
  });
  const { port: peerPort } = await peer.message<{ port: number }>();
  const { port } = await scene.serve(folder, '--peer', `127.0.0.1:${peerPort}`);
  const outcomes: string[] = [];
  for (let run = 0; run < DOWNLOADS; run++) {
    const target = join(scene.folder, `film-${run}.bin`);
    const { code, output } = await scene.kwik('get', `kwik://127.0.0.1:${port}/film.bin`, '-o', target);
    const same = code === 0 && readFileSync(target).equals(truth);
    outcomes.push(
      same ? 'the file' : `status ${code}: ${code === 0 ? 'a FORGED file' : output.trim().split('\n').at(-1)}`,
    );
  }
  const right = Array<string>(DOWNLOADS).fill('the file').join(', ');
  return [
    finding(`${DOWNLOADS} downloads beside a forging peer`, outcomes.join(', '), right, outcomes.join(', ') === right),
  ];
}

export const forgedContent: readonly Attack[] = [
  {
    name: 'forged-file',
    about: 'A peer that shall only deliver ranges writes a file of its own into the client’s stream.',
    quick: true,
    run: (scene) => download(scene, 'forge'),
  },
  {
    name: 'forged-trailer',
    about: 'A peer writes the end of the answer in the primary’s name: that the file is broken.',
    quick: true,
    run: (scene) => download(scene, 'trailer'),
  },
];
