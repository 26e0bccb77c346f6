import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { oneLine } from '../ui/text.js';
import { PACKAGE_FOLDER } from '../version.js';
import type { SoftwareEvidence, SoftwarePackage } from './evidence.js';

/** The command and all that it needs are a tenth of that. */
const MAX_PACKAGES = 2000;
const MAX_MANIFEST_BYTES = 1024 * 1024;

const names = z.record(z.string(), z.string()).default({});
const MANIFEST = z.object({
  name: z.string().max(214),
  version: z.string().max(256),
  license: z.unknown().optional(),
  licenses: z.array(z.unknown()).catch([]),
  dependencies: names,
  optionalDependencies: names,
});
type Manifest = z.infer<typeof MANIFEST>;

/**
 * The packages that are installed for the one in `folder`, with itself: found as Node finds them, in node_modules of the
 * folder and of those above it. Only manifests are read, and no code of a package runs.
 */
export async function installedPackages(folder = PACKAGE_FOLDER, most = MAX_PACKAGES): Promise<SoftwareEvidence> {
  const found = new Map<string, SoftwarePackage>();
  const missing = new Set<string>();
  const seen = new Set<string>();
  const waiting = [await realpath(folder)];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    if (seen.size === most) return { packages: sorted(found), missing: [...missing].sort(), cut: true };
    seen.add(next);
    const manifest = await readManifest(next);
    if (manifest === undefined) {
      missing.add(`${next} (its package.json cannot be read)`);
      continue;
    }
    const purl = purlOf(manifest);
    found.set(purl, { name: manifest.name, version: manifest.version, licence: licenceOf(manifest), purl });
    // Optional ones stand among the others as well, in manifests that npm has written.
    for (const name of new Set([
      ...Object.keys(manifest.dependencies),
      ...Object.keys(manifest.optionalDependencies),
    ])) {
      const there = await resolveFrom(next, name);
      if (there !== undefined) waiting.push(there);
      else if (!Object.hasOwn(manifest.optionalDependencies, name)) missing.add(`${name} (for ${manifest.name})`);
    }
  }
  return { packages: sorted(found), missing: [...missing].sort(), cut: false };
}

function sorted(found: ReadonlyMap<string, SoftwarePackage>): SoftwarePackage[] {
  return [...found.values()].sort((one, other) => (one.purl < other.purl ? -1 : 1));
}

/** As the resolver of Node does it; `..` and the like are no names. */
async function resolveFrom(folder: string, name: string): Promise<string | undefined> {
  if (!/^(?:@[\w.-]+\/)?[\w-][\w.-]*$/u.test(name)) return undefined;
  for (let at = folder; ; at = dirname(at)) {
    const there = join(at, 'node_modules', name);
    if (await isFile(join(there, 'package.json'))) return realpath(there);
    if (at === dirname(at)) return undefined;
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  const path = join(folder, 'package.json');
  try {
    if ((await stat(path)).size > MAX_MANIFEST_BYTES) return undefined;
    return MANIFEST.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

function licenceOf({ license, licenses }: Manifest): string {
  const named = [license, ...licenses].map(licenceName);
  return oneLine(named.filter((name) => name !== '').join(' OR '), 200) || 'not named';
}

function licenceName(value: unknown): string {
  if (typeof value === 'string') return value;
  const old = z.object({ type: z.string() }).safeParse(value);
  return old.success ? old.data.type : '';
}

function purlOf({ name, version }: Manifest): string {
  return `pkg:npm/${name.replace(/^@/u, '%40')}@${encodeURIComponent(version)}`;
}
