import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { KwikError } from '@kwik/wire';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { openDescriptor, specialFile } from './special-outputs.js';

const disk = temporaryFolder();
const wanted = new AbortController().signal;
const never = (): never => {
  throw new Error('nobody is waited for');
};

function makePipe(): string {
  execFileSync('mkfifo', [disk.path('pipe')]);
  return disk.path('pipe');
}

test('a device takes bytes, and says why it takes no more', async () => {
  const nowhere = specialFile('/dev/null', never);
  await nowhere.open?.(wanted);
  await nowhere.write(new Uint8Array(100_000));
  await nowhere.close?.();
  const full = specialFile('/dev/full', never);
  await full.open?.(wanted);
  await expect(full.write(new Uint8Array(3))).rejects.toMatchObject({
    code: 'ERR_KWIK_LOCAL_FILE',
    message: 'cannot write to /dev/full: no space is left on the disk',
  });
  await full.close?.();
});

test('a pipe waits for its reader, who gets all of it and then the end', async () => {
  const path = makePipe();
  let waiting = (): void => undefined;
  const told = new Promise<void>((resolve) => (waiting = resolve));
  const pipe = specialFile(path, () => waiting());
  const opening = pipe.open?.(wanted);
  await told;
  const reader = spawn('cat', [path]);
  const read = text(reader.stdout);
  await opening;
  // More than a pipe holds.
  await pipe.write(Buffer.alloc(1_000_000, 'k'));
  await pipe.write(Buffer.from('wik'));
  await pipe.close?.();
  expect(await read).toBe(`${'k'.repeat(1_000_000)}wik`);
});

test('nobody reads the pipe: the signal ends the waiting', async () => {
  const interrupted = new AbortController();
  const pipe = specialFile(makePipe(), () => interrupted.abort(new KwikError('ERR_KWIK_ABORTED', 'interrupted')));
  await expect(pipe.open?.(interrupted.signal)).rejects.toMatchObject({ message: 'interrupted' });
});

test('the reader goes away: that is the reason', async () => {
  const path = makePipe();
  const reader = spawn('cat', [path], { stdio: ['ignore', 'ignore', 'inherit'] });
  const pipe = specialFile(path, () => undefined);
  await pipe.open?.(wanted);
  reader.kill('SIGKILL');
  await once(reader, 'exit');
  const writing = async (): Promise<void> => {
    for (let round = 0; round < 10; round += 1) await pipe.write(new Uint8Array(100_000));
  };
  await expect(writing()).rejects.toThrow(/cannot write to \S+pipe: whoever read the output has stopped reading/u);
});

test('a file that was given open is written from where it stands, and left open', async () => {
  const file = await open(disk.path('log'), 'w');
  await file.write('before, ');
  const output = openDescriptor(file.fd, `/dev/fd/${file.fd}`);
  await output.open?.(wanted);
  await output.write(Buffer.from('written'));
  await output.close?.();
  await file.write(', after');
  await file.close();
  expect(await readFile(disk.path('log'), 'utf8')).toBe('before, written, after');
});

test('a descriptor that is not open is refused', async () => {
  await expect(openDescriptor(9999, '/dev/fd/9999').open?.(wanted)).rejects.toMatchObject({
    code: 'ERR_KWIK_LOCAL_FILE',
  });
});
