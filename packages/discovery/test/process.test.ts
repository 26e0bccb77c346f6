import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const ENTRY = new URL('../dist/index.js', import.meta.url).href;

/** What a program prints, and what it ends with. */
async function run(program: string): Promise<{ status: unknown; text: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const [status] = (await once(child, 'close')) as [unknown];
  return { status, text };
}

test('a process lives while it waits for servers, and no longer for the sake of discovery', async () => {
  const program = `
    import { createDiscovery, staticList } from '${ENTRY}';
    const silent = { name: 'silent', async *watch() { await new Promise(() => undefined); } };
    const discovery = createDiscovery({ sources: [silent, staticList(['a.test:1'], 'list')] });
    const one = await discovery.service('films').select({ count: 1 });
    const none = await discovery.service('films').select({ count: 1, region: 'nowhere' });
    console.log(one.chosen.length, none.chosen.length);
  `;
  expect(await run(program)).toEqual({ status: 0, text: '1 0\n' });
});
