import { randomBytes } from 'node:crypto';
import { dial, listen } from '@kwik/session';
import { sellTicket, ticketClient, ticketServer } from './ticket.js';

const sellerKey = randomBytes(32);
await using listener = await listen({ auth: [ticketServer(sellerKey)] });
const target = `127.0.0.1:${listener.address().port}`;
const accepted = listener.accept();

const ticket = sellTicket(sellerKey, 'alice', Date.now() + 60_000);
await using session = await dial(target, { auth: [ticketClient(ticket)] });
console.log('the server knows:', (await accepted).identity, session.id);

const forged = { ...ticket, name: 'bob' };
await dial(target, { auth: [ticketClient(forged)] }).catch((error: unknown) => console.log('bob:', String(error)));
