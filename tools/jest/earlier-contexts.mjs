/**
 * jest keeps what runs at present in an AsyncLocalStorage, has a new one for each test file, and never switches it off.
 * Node 20 writes the value of each of them into each promise: after 50 files in one process promises took 36 times as long as
 * in the first, after 150 files a hundred times. So each file switches off those of the files before it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** @typedef {AsyncLocalStorage<unknown>} Storage */

/**
 * Files have globals of their own; the classes of Node are the same for all of them.
 *
 * @type {{ kwikUsedStorages?: Set<Storage> }}
 */
const shared = /** @type {{}} */ (AsyncLocalStorage);

/** Those that were used since the last call are switched off; one that is used again is on again. */
export function endEarlierContexts() {
  const used = (shared.kwikUsedStorages ??= noteUsed());
  for (const storage of used) storage.disable();
  used.clear();
}

/** @returns {Set<Storage>} All that are used from now on. */
function noteUsed() {
  /** @type {Set<Storage>} */
  const used = new Set();
  const { run } = AsyncLocalStorage.prototype;
  /** @this {Storage} @param {unknown[]} args */
  function noted(...args) {
    used.add(this);
    return Reflect.apply(run, this, args);
  }
  AsyncLocalStorage.prototype.run = noted;
  return used;
}

endEarlierContexts();
