import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { entryPoints, listPackages } from './workspace.mjs';

/** Where the reports stand that reviews look at. */
export const REPORTS = 'etc';

/** What the extractor says of types is the compiler's to say; it only writes down what is public. */
const MESSAGES = {
  compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
  extractorMessageReporting: {
    default: { logLevel: ExtractorLogLevel.None },
    // A public signature names a type that nobody can import.
    'ae-forgotten-export': { logLevel: ExtractorLogLevel.None, addToApiReportFile: true },
  },
  tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
};

/**
 * Writes a report of the public interface of each published entry point into a folder: every exported name with its types.
 * The packages must be built.
 *
 * @param {string} root
 * @param {string} folder
 * @returns {string[]} The names of the reports.
 */
export function writeReports(root, folder) {
  mkdirSync(join(root, '.tmp'), { recursive: true });
  // It writes into no folder that is not there.
  mkdirSync(folder, { recursive: true });
  const scratch = mkdtempSync(join(root, '.tmp', 'api-'));
  try {
    const published = listPackages(root).filter(({ manifest }) => manifest.private !== true);
    const entries = published.flatMap(({ dir, manifest }) =>
      entryPoints(manifest).map(({ specifier, source }) => {
        const name = `${specifier.replace('@kwik/', '').replaceAll('/', '.')}.api.md`;
        return { name, config: configOf({ dir, source, name, folder, scratch }) };
      }),
    );
    extractAll(entries.map(({ config }) => config));
    return entries.map(({ name }) => name);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** @param {{ dir: string, source: string, name: string, folder: string, scratch: string }} options */
function configOf({ dir, source, name, folder, scratch }) {
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: dir,
      mainEntryPointFilePath: join(dir, source.replace(/^src/, 'dist').replace(/\.ts$/, '.d.ts')),
      compiler: { tsconfigFilePath: join(dir, 'tsconfig.json'), skipLibCheck: true },
      apiReport: { enabled: true, reportFolder: folder, reportTempFolder: scratch, reportFileName: name },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: MESSAGES,
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(dir, 'package.json'),
  });
}

/**
 * The compiler reads all of them once, and not each with all that it imports.
 *
 * @param {readonly ExtractorConfig[]} configs
 */
function extractAll(configs) {
  const [first, ...others] = configs;
  if (first === undefined) return;
  const compilerState = CompilerState.create(first, {
    additionalEntryPoints: others.map(({ mainEntryPointFilePath }) => mainEntryPointFilePath),
  });
  for (const config of configs) {
    // Local: it writes the report, and leaves it to us to compare.
    Extractor.invoke(config, {
      compilerState,
      localBuild: true,
      showVerboseMessages: false,
      messageCallback: (message) => (message.handled = true),
    });
  }
}

/**
 * What differs between the reports of two folders, a line for each.
 *
 * @param {string} reviewed
 * @param {string} now
 */
export function reportDifferences(reviewed, now) {
  const names = new Set([...reportsIn(reviewed), ...reportsIn(now)]);
  return [...names].sort().flatMap((name) => {
    if (!existsSync(join(reviewed, name))) return [`${REPORTS}/${name} is missing`];
    if (!existsSync(join(now, name))) return [`${REPORTS}/${name} is of an entry point that is gone`];
    const before = readFileSync(join(reviewed, name), 'utf8').split('\n');
    const after = readFileSync(join(now, name), 'utf8').split('\n');
    const gone = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`);
    const come = after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`);
    if (before.join('\n') === after.join('\n')) return [];
    return [`${REPORTS}/${name} is another now:`, ...[...gone, ...come].slice(0, 20)];
  });
}

/** @param {string} folder */
function reportsIn(folder) {
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.api.md')) : [];
}
