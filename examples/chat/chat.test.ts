import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { useDataFolder } from '../test-support/data-folder.js';
import { enter, openRoom } from './chat.js';

let removeFolder: () => Promise<void>;
beforeAll(async () => {
  removeFolder = await useDataFolder();
});
afterAll(() => removeFolder());

test('what one says, the others hear', async () => {
  const room = await openRoom();
  const [alice, bob, eve] = await Promise.all([enter(room.port), enter(room.port), enter(room.port)]);
  const heard = Promise.all([once(bob, 'message'), once(eve, 'message')]);
  alice.send('hello');
  expect((await heard).map(([data]) => String(data))).toEqual(['hello', 'hello']);
  for (const guest of [alice, bob, eve]) guest.close();
  await room.close();
});
