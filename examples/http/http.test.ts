import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { useDataFolder } from '../test-support/data-folder.js';
import { get, kwikAgent, startServer } from './http.js';

let removeFolder: () => Promise<void>;
beforeAll(async () => {
  removeFolder = await useDataFolder();
});
afterAll(() => removeFolder());

test('requests of node:http go over KWIK, many at once', async () => {
  const server = await startServer((request, response) => response.end((request.url ?? '').repeat(1000)));
  const agent = kwikAgent();
  const paths = Array.from({ length: 20 }, (_, index) => `/${index}`);
  const answers = await Promise.all(paths.map((path) => get(agent, server.port, path)));
  expect(answers).toEqual(paths.map((path) => path.repeat(1000)));
  agent.destroy();
  await server.stop();
});
