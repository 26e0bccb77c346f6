import { expect, test } from '@jest/globals';
import { dataFolder, type Surroundings } from './data-folder.js';

function folderIn(env: Surroundings['env'], more: Partial<Surroundings> = {}): string {
  return dataFolder({ env, platform: 'linux', homedir: () => '/home/me', ...more });
}

test('is the one that was chosen, or lies where the system wants it', () => {
  expect(folderIn({ KWIK_DATA_DIR: 'here', XDG_DATA_HOME: '/data' })).toBe('here');
  expect(folderIn({ KWIK_DATA_DIR: '', XDG_DATA_HOME: '/data' })).toBe('/data/kwik');
  expect(folderIn({})).toBe('/home/me/.local/share/kwik');
  expect(folderIn({}, { platform: 'darwin' })).toBe('/home/me/Library/Application Support/kwik');
});

test.each(['', 'relative'])('XDG_DATA_HOME=%j counts as not set', (value) => {
  expect(folderIn({ XDG_DATA_HOME: value })).toBe('/home/me/.local/share/kwik');
});

test.each<[string, () => string]>([
  ['empty', () => ''],
  ['relative', () => 'home'],
  [
    'not known to the system',
    () => {
      throw new Error('A system error occurred: uv_os_homedir returned ENOENT (no such file or directory)');
    },
  ],
])('a home folder that is %s is refused with what to do', (_name, homedir) => {
  expect(() => folderIn({}, { homedir })).toThrow(
    expect.objectContaining({
      code: 'ERR_KWIK_CREDENTIALS',
      message: expect.stringContaining('KWIK_DATA_DIR to a folder'),
    }),
  );
});
