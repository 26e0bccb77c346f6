import { makeKeys } from './keys.js';
import { compare } from './run.js';

for (const { name, megabytesPerSecond } of await compare(200_000_000, makeKeys())) {
  console.log(name, Math.round(megabytesPerSecond), 'MB/s');
}
