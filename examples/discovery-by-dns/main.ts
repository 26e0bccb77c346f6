import { run } from './run.js';

const { first, reasons, afterwards } = await run();
console.log(first);
for (const reason of reasons) console.log(' ', reason);
console.log(`${afterwards}, after the first server went away`);
