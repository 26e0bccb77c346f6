import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

/** As on a machine for which there is no binding. */
const ELSEWHERE = `data:text/javascript,${encodeURIComponent("Object.defineProperty(process, 'arch', { value: 'riscv64' })")}`;
const BUILT = new URL('../../dist/index.js', import.meta.url);

test('the package says so in its own words when it is imported where there is no binding, before a file is missed', () => {
  const program = `import(${JSON.stringify(BUILT.href)}).catch(({ name, code, scope, message }) => {
    console.log(JSON.stringify({ name, code, scope, message }));
  });`;
  const { stdout } = spawnSync(process.execPath, ['--import', ELSEWHERE, '--input-type=module', '-e', program], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
  });
  expect(JSON.parse(stdout)).toEqual({
    name: 'KwikError',
    code: 'ERR_KWIK_UNSUPPORTED',
    scope: 'local',
    message: `there is no native QUIC binding for ${process.platform}-riscv64; it is published for Linux x64 with glibc`,
  });
});
