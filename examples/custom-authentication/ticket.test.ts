import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { dial, listen } from '@kwik/session';
import { useDataFolder } from '../test-support/data-folder.js';
import { sellTicket, ticketClient, ticketServer, type Ticket } from './ticket.js';

let removeFolder: () => Promise<void>;
beforeAll(async () => {
  removeFolder = await useDataFolder();
});
afterAll(() => removeFolder());

const SELLER_KEY = randomBytes(32);
const LATER_MS = Date.now() + 60_000;

test('whoever has a ticket gets in, under its name', async () => {
  await using listener = await listen({ auth: [ticketServer(SELLER_KEY)] });
  const accepted = listener.accept();
  const ticket = sellTicket(SELLER_KEY, 'alice', LATER_MS);
  await using session = await dial(`127.0.0.1:${listener.address().port}`, { auth: [ticketClient(ticket)] });
  expect((await accepted).identity).toBe('alice');
  expect(session.role).toBe('client');
});

test.each<[string, Ticket]>([
  ['with another name', { ...sellTicket(SELLER_KEY, 'alice', LATER_MS), name: 'bob' }],
  ['that was made longer', { ...sellTicket(SELLER_KEY, 'alice', LATER_MS), endsMs: LATER_MS + 1 }],
  ['of another seller', sellTicket(randomBytes(32), 'alice', LATER_MS)],
  ['that is over', sellTicket(SELLER_KEY, 'alice', Date.now() - 1)],
])('a ticket %s is refused', async (_what, ticket) => {
  await using listener = await listen({ auth: [ticketServer(SELLER_KEY)] });
  const dialled = dial(`127.0.0.1:${listener.address().port}`, { auth: [ticketClient(ticket)] });
  await expect(dialled).rejects.toMatchObject({ code: 'ERR_KWIK_AUTH_FAILED' });
});
