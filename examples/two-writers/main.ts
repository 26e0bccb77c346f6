import { randomBytes } from 'node:crypto';
import { runTwoWriters } from './run.js';

const content = randomBytes(10_000_000);
const { bytes, from } = await runTwoWriters(content, {
  chunkBytes: 100_000,
  writerOf: (index) => (index % 2 === 0 ? 'primary' : 'secondary'),
});
console.log(`${bytes} bytes, SHA-256 right; from the primary ${from[0]}, from the secondary ${from[1]}`);
