import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { atMost, finding, type Attack, type Finding } from '../attack.js';
import { RawSession, streamData } from '../raw/raw-session.js';
import type { Scene } from '../scene/scene.js';
import { fileMessage } from '../scene/file-message.js';

const FILE_BYTES = 50_000_000;
const REQUESTS = 1000;
/** Alone it takes a second or two. */
const DOWNLOAD_SECONDS = 20;
const SECONDS = 8;
const GROWTH_MB = 250;
const DIGESTS = 'ab'.repeat(32);

async function ask(
  scene: Scene,
  request: (file: string) => object,
  offer: { readonly maxDataBytes?: number },
): Promise<Finding[]> {
  const folder = join(scene.folder, 'files');
  mkdirSync(folder);
  writeFileSync(join(folder, 'film.bin'), randomBytes(FILE_BYTES));
  const { child, port } = await scene.serve(folder);
  await scene.kwik('get', '-q', '-f', `kwik://127.0.0.1:${port}/film.bin`, '-o', join(scene.folder, 'before'));
  const resident = child.residentMb;
  const session = await new RawSession({ port, offer }).open();
  session.onControl = (body) => {
    if (body.$case !== 'contentStart') return;
    const { streamId, size, baseOffset } = body.value;
    const length = Number(size);
    const grant = new Uint8Array(0);
    session.control({
      $case: 'rangeRequest',
      value: { streamId, requestId: 999_999n, offset: 0n, length, grant, baseOffset },
    });
  };
  for (let index = 0; index < REQUESTS && session.quic.closed === undefined; index++) {
    await session.write(session.packet([streamData(4 * index, 0, fileMessage(request('film.bin')), true)]));
  }
  const begun = performance.now();
  const honest = scene.kwik(
    'get',
    '-q',
    '-f',
    '-t',
    '30',
    `kwik://127.0.0.1:${port}/film.bin`,
    '-o',
    join(scene.folder, 'beside'),
  );
  const got = await honest;
  const seconds = (performance.now() - begun) / 1000;
  await wait(Math.max(0, SECONDS * 1000 - seconds * 1000));
  session.quic.destroy();
  return [
    finding('the server', child.ending, 'alive', !child.ended),
    atMost(`memory that ${REQUESTS} requests took`, child.maxResidentMb - resident, GROWTH_MB, 'MB'),
    finding('an honest download beside it', `status ${got.code}`, 'status 0', got.code === 0),
    atMost('which took', seconds, DOWNLOAD_SECONDS, 's'),
  ];
}

export const fileServer: readonly Attack[] = [
  {
    name: 'unread-files',
    about: `A client asks a file server for ${REQUESTS} files and reads none.`,
    quick: false,
    run: (scene) => ask(scene, (path) => ({ v: 1, op: 'get', path, offset: 0 }), { maxDataBytes: 1 << 20 }),
  },
  {
    name: 'prefix-digests',
    about: `A client says ${REQUESTS} times that it has most of a file, so that the server must digest it.`,
    quick: false,
    run: (scene) => ask(scene, (path) => ({ v: 1, op: 'get', path, offset: FILE_BYTES, prefixSha256: DIGESTS }), {}),
  },
];
