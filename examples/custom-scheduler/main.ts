import { runUpload } from './run.js';

const { received, chosen, sent } = await runUpload(20_000_000, 1);
console.log(`${received} bytes received`);
sent.forEach((bytes, path) =>
  console.log(`path ${path}${path === 1 ? ' (metered)' : ''}; chosen ${chosen.get(path) ?? 0} times, ${bytes} bytes`),
);
