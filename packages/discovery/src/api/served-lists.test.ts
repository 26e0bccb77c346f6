import type { ServerResponse } from 'node:http';
import { expect, jest, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { AnnouncedServers } from './announced-servers.js';
import { ServedLists } from './served-lists.js';

test('lists are made once for all that read them, and those of services that nobody has heard of are not kept for ever', async () => {
  const clock = new VirtualClock();
  const store = new AnnouncedServers(clock);
  const made = jest.spyOn(store, 'list');
  const lists = new ServedLists(store, clock);
  const response = { writeHead: () => undefined, write: () => true, end: () => undefined, destroyed: false };
  const read = (service: string): Promise<void> => lists.send(service, response as unknown as ServerResponse);
  await read('films');
  await read('films');
  expect(made).toHaveBeenCalledTimes(1);
  for (let n = 0; n < 300; n++) await read(`nobody-${n}`);
  await read('nobody-299');
  expect(made).toHaveBeenCalledTimes(301);
  await read('films');
  expect(made).toHaveBeenCalledTimes(302);
});
