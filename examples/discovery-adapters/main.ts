import { run } from './run.js';

const { found, afterwards } = await run();
for (const server of found) console.log(server);
console.log('and when another one has come:');
for (const server of afterwards.filter((one) => !found.includes(one))) console.log(server);
