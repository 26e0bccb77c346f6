import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { pause } from '@kwik/testbed';
import { findProgram, freePort, startProgram } from '@kwik/testbed/programs';
import { CounterRegistry } from '@kwik/wire';
import { METRIC_NAMES, METRICS } from '../src/metrics/metric-list.js';
import { Telemetry } from '../src/telemetry.js';
import { pathReading, sessionReading } from '../src/test-support/sources.js';

jest.setTimeout(120_000);

const OPERATIONS = fileURLToPath(new URL('../../../docs/operations/', import.meta.url));
const RULES = join(OPERATIONS, 'prometheus');
const run = promisify(execFile);
const PROMTOOL = findProgram('promtool');
const PROMETHEUS = findProgram('prometheus');

const endings: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

test('rules and dashboards name only metrics that there are', async () => {
  const files = (await readdir(OPERATIONS, { recursive: true })).filter((name) => /\.(ya?ml|json)$/u.test(name));
  const texts = await Promise.all(files.map((name) => readFile(join(OPERATIONS, name), 'utf8')));
  const recorded = [...texts.join('\n').matchAll(/record: (\S+)/gu)].map(([, name]) => name);
  const known = new Set<string | undefined>([
    ...METRIC_NAMES,
    ...recorded,
    ...['bucket', 'sum', 'count'].map((part) => `kwik_failover_gap_seconds_${part}`),
  ]);
  const used = texts.flatMap((text) => [...text.matchAll(/\bkwik[_:]\w+(?::\w+)*/gu)].map(([name]) => name));
  expect(used.length).toBeGreaterThan(30);
  expect(used.filter((name) => !known.has(name))).toEqual([]);
});

test('panels of the dashboard sum and select by labels that their metrics have', async () => {
  for (const { title, expression } of await panelQueries()) {
    const names = METRIC_NAMES.filter((name) => new RegExp(`\\b${name}(_bucket)?\\b`, 'u').test(expression));
    const has = new Set<string>(['instance', 'quantile', 'le', ...names.flatMap((name) => METRICS[name].labels)]);
    const asked = [...expression.matchAll(/by \(([^)]*)\)/gu)].flatMap(([, list = '']) => list.split(', '));
    const selected = [...expression.matchAll(/[{ ](\w+)=/gu)].map(([, label]) => label!);
    expect([title, [...asked, ...selected].filter((label) => !has.has(label))]).toEqual([title, []]);
    expect([title, names.length]).toEqual([title, 1]);
  }
});

// eslint-disable-next-line no-restricted-syntax -- a machine without the program cannot run it
(PROMTOOL === undefined ? describe.skip : describe)('the rules', () => {
  test('are good, and raise and resolve what they should (promtool)', async () => {
    await run(PROMTOOL!, ['check', 'rules', 'alerts.yml', 'recording.yml'], { cwd: RULES });
    const { stdout } = await run(PROMTOOL!, ['test', 'rules', 'tests.yml'], { cwd: RULES });
    expect(stdout).toContain('SUCCESS');
  });
});

// eslint-disable-next-line no-restricted-syntax -- a machine without the program cannot run it
(PROMETHEUS === undefined ? describe.skip : describe)('a real Prometheus', () => {
  test('scrapes, raises an alert when no path works, and resolves it', async () => {
    const counters = new CounterRegistry();
    let state = 'active';
    counters.add({ kind: 'session', role: 'client', read: () => sessionReading({ paths: [pathReading({ state })] }) });
    const telemetry = new Telemetry({ counters });
    endings.push(() => telemetry[Symbol.dispose]());
    const admin = await telemetry.admin({ port: 0 });
    endings.push(() => admin.close());
    const url = await startPrometheus(new URL(admin.url).host);

    await eventually(async () => (await query(url, 'kwik_path_bytes_total{direction="received"}')) === '2000');
    expect(await query(url, 'up{job="kwik"}')).toBe('1');
    expect(await firing(url)).toEqual([]);
    // What Grafana would ask for the panels of the dashboard; it has an answer for each that is a level.
    for (const { title, expression } of await panelQueries()) {
      const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
      const { status, data } = (await response.json()) as { status: string; data?: { result: unknown[] } };
      expect([title, status]).toEqual([title, 'success']);
      if (LEVELS.has(title)) expect([title, data!.result.length > 0]).toEqual([title, true]);
    }
    state = 'suspected';
    await eventually(async () => (await firing(url)).includes('KwikNoUsablePath'));
    state = 'active';
    await eventually(async () => (await firing(url)).length === 0);
  });
});

/** Panels of the dashboard that show something as soon as there is one session with a path. */
const LEVELS: ReadonlySet<string> = new Set([
  'Sessions',
  'Paths by state',
  'Round trip, median and 99 %',
  'Loss, median',
  'Event loop and scrape',
]);

/** The queries of the dashboard's panels, for all instances. */
async function panelQueries(): Promise<{ readonly title: string; readonly expression: string }[]> {
  const { panels } = JSON.parse(await readFile(join(OPERATIONS, 'grafana.json'), 'utf8')) as {
    panels: { title: string; targets?: { expr: string }[] }[];
  };
  const queries = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expression: expr.replaceAll('$instance', '.*') })),
  );
  expect(queries.length).toBeGreaterThan(12);
  return queries;
}

/** Looks at its target and its rules each second. Returns its address. */
async function startPrometheus(target: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kwik-prometheus-'));
  endings.push(() => rm(folder, { recursive: true, force: true }));
  const config = [
    'global: { scrape_interval: 1s, evaluation_interval: 1s }',
    `rule_files: [${join(RULES, 'alerts.yml')}, ${join(RULES, 'recording.yml')}]`,
    'scrape_configs:',
    `  - { job_name: kwik, static_configs: [{ targets: ['${target}'] }] }`,
  ].join('\n');
  // The alert waits for ten seconds by itself; here, three are enough.
  const rules = (await readFile(join(RULES, 'alerts.yml'), 'utf8')).replace('for: 10s', 'for: 3s');
  await writeFile(join(folder, 'alerts.yml'), rules);
  await writeFile(
    join(folder, 'prometheus.yml'),
    config.replace(join(RULES, 'alerts.yml'), join(folder, 'alerts.yml')),
  );
  const port = await freePort();
  const program = await startProgram(
    PROMETHEUS!,
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { ready: /Server is ready to receive web requests/u },
  );
  endings.push(() => program.stop());
  return `http://127.0.0.1:${port}`;
}

async function query(url: string, expression: string): Promise<string | undefined> {
  const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
  return data.result[0]?.value[1];
}

async function firing(url: string): Promise<string[]> {
  const response = await fetch(`${url}/api/v1/alerts`);
  const { data } = (await response.json()) as { data: { alerts: { state: string; labels: { alertname: string } }[] } };
  return data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let count = 0; count < 150; count++) {
    if (await holds()) return;
    await pause(200);
  }
  throw new Error('it did not happen within 30 s');
}
