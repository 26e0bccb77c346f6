/**
 * `pnpm adversary:release [NAME…] [--quick]`: the same attacks, on what users install: each package is packed and unpacked, and
 * what is attacked, and the attackers, find `@kwik/*` there alone.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linkDependencies, unpackInto } from '../lib/packed.mjs';
import { listPackages, ROOT, readJson } from '../lib/workspace.mjs';

mkdirSync(join(ROOT, '.tmp'), { recursive: true });
const folder = mkdtempSync(join(ROOT, '.tmp', 'adversary-release-'));
try {
  const packages = listPackages().filter(({ manifest }) => manifest.private !== true);
  for (const item of packages) {
    const unpacked = await unpackInto(item, folder);
    if (typeof unpacked === 'string') throw new Error(`packages/${item.name}: ${unpacked}`);
  }
  linkDependencies(packages, folder);
  writeConfig(packages);
  process.stdout.write(
    `attacking ${packages.map(({ manifest }) => `${manifest.name}@${manifest.version}`).join(' ')}\n`,
  );
  const args = ['--import', 'tsx', join(ROOT, 'tools/adversary/main.ts'), ...process.argv.slice(2)];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, TSX_TSCONFIG_PATH: join(folder, 'tsconfig.json'), KWIK_ADVERSARY_RELEASE: folder },
  });
  const [code] = await once(child, 'exit');
  process.exitCode = code ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Programs of the scene find each entry point among what was unpacked.
 *
 * @param {readonly import('../lib/workspace.mjs').Package[]} packages
 */
function writeConfig(packages) {
  const paths = packages.flatMap(({ manifest }) =>
    Object.entries(manifest.exports ?? {}).flatMap(([path, target]) => {
      if (typeof target === 'string') return [];
      return [[manifest.name + path.slice(1), [join(folder, 'node_modules', manifest.name, target.default)]]];
    }),
  );
  const { compilerOptions } = readJson(join(ROOT, 'tsconfig.base.json'));
  const config = { compilerOptions: { ...compilerOptions, paths: Object.fromEntries(paths) } };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
}
