import { once } from 'node:events';
import { enter, openRoom } from './chat.js';

const room = await openRoom();
const [alice, bob] = await Promise.all([enter(room.port), enter(room.port)]);
const heard = once(bob, 'message');
alice.send('hello, Bob');
console.log('Bob heard:', String((await heard)[0]));
alice.close();
bob.close();
await room.close();
