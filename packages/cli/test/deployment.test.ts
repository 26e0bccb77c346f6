import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, jest, test } from '@jest/globals';
import { findProgram } from '@kwik/testbed/programs';
import { parse, parseAllDocuments } from 'yaml';
import { Harness } from './harness.js';

jest.setTimeout(60_000);

const FOLDER = fileURLToPath(new URL('../../../docs/operations/', import.meta.url));
const read = (path: string): Promise<string> => readFile(join(FOLDER, path), 'utf8');
const UNITS = ['systemd/kwik-serve.service', 'systemd/kwik-relay.service'];
const ANALYZE = findProgram('systemd-analyze');

/** A command of the examples: its name, and its flags. */
interface Used {
  readonly where: string;
  readonly command: string;
  readonly flags: readonly string[];
}

function used(where: string, words: readonly string[]): Used {
  const flags = words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0]!);
  return { where, command: words[0]!, flags };
}

const valueAt = (values: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], values);

/** As Helm would, as far as these templates use it: values, the name of the release, and `toJson`. */
async function rendered(template: string): Promise<unknown> {
  const values: unknown = parse(await read('helm/kwik/values.yaml'));
  const text = (await read(`helm/kwik/templates/${template}`)).replace(
    /\{\{ \.(Release\.Name|Values\.([\w.]+))( \| toJson)? \}\}/gu,
    (whole, name: string, path: string | undefined, asJson: string | undefined) => {
      if (name === 'Release.Name') return 'demo';
      const value = valueAt(values, path ?? '');
      if (asJson !== undefined && value !== undefined) return JSON.stringify(value);
      if (typeof value === 'string' || typeof value === 'number') return `${value}`;
      throw new Error(`${template} asks for ${whole}, which values.yaml does not have`);
    },
  );
  expect(text).not.toContain('{{');
  return parse(text);
}

async function allUsed(): Promise<Used[]> {
  const found: Used[] = [];
  for (const unit of UNITS) {
    const line = /^ExecStart=\/usr\/bin\/env kwik (.*)$/mu.exec(await read(unit))?.[1] ?? '';
    found.push(used(unit, line.split(' ')));
  }
  const compose = parse(await read('compose/compose.yaml')) as { services: Record<string, Record<string, unknown>> };
  for (const [name, { command, healthcheck }] of Object.entries(compose.services)) {
    if (command !== undefined) found.push(used(`compose ${name}`, command as string[]));
    const probe = (healthcheck as { test: string[] } | undefined)?.test.slice(2);
    if (probe !== undefined) found.push(used(`probe of compose ${name}`, probe));
  }
  const deployment = JSON.stringify(await rendered('deployment.yaml'));
  const [, args = '[]'] = /"args":(\[[^\]]*\])/u.exec(deployment) ?? [];
  found.push(used('helm', JSON.parse(args) as string[]));
  for (const [, probe = ''] of deployment.matchAll(/"command":\["kwik",([^\]]*)\]/gu)) {
    found.push(used('probe of helm', JSON.parse(`[${probe}]`) as string[]));
  }
  return found;
}

describe('the examples of deployment', () => {
  test('use only commands and flags that there are', async () => {
    const harness = await Harness.create();
    try {
      const all = await allUsed();
      expect(all.length).toBeGreaterThanOrEqual(12);
      for (const command of new Set(all.map((one) => one.command))) {
        const { status, stdout } = await harness.run([command, '--help']);
        expect([command, status]).toEqual([command, 0]);
        for (const { where, flags } of all.filter((one) => one.command === command)) {
          for (const flag of flags) expect([where, flag, stdout.includes(`${flag} `)]).toEqual([where, flag, true]);
        }
      }
    } finally {
      await harness.close();
    }
  });

  test('are YAML that says what it should', async () => {
    for (const path of [
      'compose/prometheus.yml',
      'otel/collector.yaml',
      'helm/kwik/Chart.yaml',
      'helm/kwik/values.yaml',
    ]) {
      for (const document of parseAllDocuments(await read(path))) expect([path, document.errors]).toEqual([path, []]);
    }
    expect(await rendered('service.yaml')).toMatchObject({ spec: { ports: [{ port: 4433, protocol: 'UDP' }] } });
    const deployment = await rendered('deployment.yaml');
    expect(deployment).toMatchObject({
      spec: { template: { spec: { containers: [{ resources: { limits: { memory: '1Gi' } } }] } } },
    });
    const collector = parse(await read('otel/collector.yaml')) as Record<string, Record<string, unknown>>;
    const { metrics } = collector['service']!['pipelines'] as Record<string, Record<string, string[]>>;
    for (const kind of ['receivers', 'processors', 'exporters']) {
      expect(Object.keys(collector[kind]!)).toEqual(metrics![kind]);
    }
    const mounted = (await readdir(join(FOLDER, 'prometheus'))).filter((name) => name !== 'tests.yml');
    const { rule_files: rules } = parse(await read('compose/prometheus.yml')) as { rule_files: string[] };
    expect([...rules].sort()).toEqual(mounted.sort());
  });

  // eslint-disable-next-line no-restricted-syntax -- a machine without the program cannot run it
  (ANALYZE === undefined ? test.skip : test)('are units that systemd takes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kwik-units-'));
    try {
      for (const unit of UNITS) {
        const file = join(folder, unit.replace('systemd/', ''));
        await writeFile(file, await read(unit));
        const said = execFileSync(ANALYZE!, ['verify', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
        expect([unit, said]).toEqual([unit, '']);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
