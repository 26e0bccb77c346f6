import { readFileSync, readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const HERE = dirname(fileURLToPath(import.meta.url));
/** What a reader may have to install besides `@kwik` packages. */
const INSTALLED = ['ws', 'vitest', 'pg', 'dns-packet'];
const examples = readdirSync(HERE, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !['test-support', 'interop'].includes(entry.name))
  .map(({ name }) => name);

test.each(examples)('%s stands alone when it is copied out', (example) => {
  const files = readdirSync(join(HERE, example)).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const strays = files.flatMap((file) =>
    [...readFileSync(join(HERE, example, file), 'utf8').matchAll(/from '([^']+)'/g)]
      .map(([, specifier = '']) => specifier)
      .filter((specifier) => !isAllowed(specifier)),
  );
  expect(strays).toEqual([]);
  expect(files).toContain('main.ts');
});

test('the page of examples names all of them', () => {
  const page = readFileSync(join(HERE, 'README.md'), 'utf8');
  for (const example of examples) expect(page).toContain(`](${example}/main.ts)`);
});

function isAllowed(specifier: string): boolean {
  if (specifier.startsWith('./') || specifier.startsWith('@kwik/') || INSTALLED.includes(specifier)) return true;
  return isBuiltin(specifier);
}
