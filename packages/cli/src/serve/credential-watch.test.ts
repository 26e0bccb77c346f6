import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { pause, until } from '@kwik/testbed';
import { followCredentials } from './credential-watch.js';

const LOOK_EVERY_MS = 20;
const pem = (what: string): string => `-----BEGIN ${what}-----\n-----END ${what}-----\n`;

let folder: string;
let end = (): void => undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kwik-credentials-'));
});
afterEach(async () => {
  end();
  await rm(folder, { recursive: true });
});

/** A listener that takes a certificate only with the key of the same name. */
async function following() {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const write = (path: string, name: string) => writeFile(path, pem(name));
  await write(cert, 'ONE');
  await write(key, 'ONE');
  const shown: string[] = [];
  const said: string[] = [];
  const listener = {
    updateCredentials: (given: { cert: string; key: string }) => {
      if (given.cert !== given.key) throw new Error('the key is of another certificate');
      shown.push(/BEGIN (\w+)/u.exec(given.cert)?.[1] ?? '');
    },
  };
  end = followCredentials(
    listener,
    { cert, key },
    {
      say: (_, line) => said.push(line),
      shown: { cert: pem('ONE'), key: pem('ONE') },
      lookEveryMs: LOOK_EVERY_MS,
    },
  );
  return { cert, key, shown, said, write };
}

test('a certificate and its key, written one after the other, are one renewal', async () => {
  const { cert, key, shown, said, write } = await following();
  for (const name of ['TWO', 'THREE']) {
    await write(cert, name);
    await write(key, name);
    await until(() => shown.at(-1) === name);
  }
  await pause(5 * LOOK_EVERY_MS);
  expect(shown).toEqual(['TWO', 'THREE']);
  expect(said.filter((line) => line === 'the certificate is renewed')).toHaveLength(2);
});

test('half a renewal is not shown, is told once, and is made good by the other half', async () => {
  const { cert, key, shown, said, write } = await following();
  await write(cert, 'TWO');
  await until(() => said.length > 0);
  expect(said).toEqual(['the certificate is not renewed, the one of before stays: the key is of another certificate']);
  expect(shown).toEqual([]);
  await write(key, 'TWO');
  await until(() => shown.length > 0);
  expect([shown, said.at(-1)]).toEqual([['TWO'], 'the certificate is renewed']);
});

test('files that were touched and say the same are no news, and nothing is after the end', async () => {
  const { cert, shown, said, write } = await following();
  await utimes(cert, 1, 1);
  await pause(5 * LOOK_EVERY_MS);
  end();
  await write(cert, 'TWO');
  await pause(5 * LOOK_EVERY_MS);
  expect({ shown, said }).toEqual({ shown: [], said: [] });
});
