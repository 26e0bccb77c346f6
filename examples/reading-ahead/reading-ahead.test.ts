import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { useDataFolder } from '../test-support/data-folder.js';
import { runFilm } from './run.js';

let removeFolder: () => Promise<void>;
beforeAll(async () => {
  removeFolder = await useDataFolder();
});
afterAll(() => removeFolder());

test('a film from three servers plays on when one of them goes', async () => {
  const film = randomBytes(6_000_000);
  const { same, servers, playedBytes } = await runFilm(film, 3_000_000);
  expect({ same, servers, playedBytes }).toEqual({ same: true, servers: 3, playedBytes: film.length });
});
