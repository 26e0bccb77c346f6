import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { tarball } from '../support/archive.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { readBundle } from './bundle.js';
import { processEvidence } from './read-process.js';

const disk = temporaryFolder();
const PAGES = {
  about: JSON.stringify({
    kwik: '0.1.0',
    node: 'v20',
    system: 'linux x64',
    uptimeSeconds: 5,
    options: {
      pin: ['ab'.repeat(32)],
      listen: '127.0.0.1:0',
      json: false,
      peer: [],
      url: 'https://u:secret@x.example',
    },
  }),
  health: JSON.stringify({ status: 'failing', problems: ['disk\u001b[31m full'] }),
  metrics: [
    '# TYPE kwik_key_packets gauge',
    'kwik_key_packets{role="client"} 42',
    'kwik_violations_total{code="ERR_KWIK_TOKEN_FORGED"} 3 1700000000',
    'kwik_violations_total{code="x"} NaN',
    'kwik_sessions{role="client"} 9',
    'kwik_tokens_total',
    'other_total 1',
  ].join('\n'),
};

test('options that were set, health, packets per key and counters are read, without secrets and controls', () => {
  const evidence = processEvidence('here', PAGES);
  expect(evidence).toMatchObject({
    kwik: '0.1.0',
    uptimeSeconds: 5,
    status: 'failing',
    problems: ['disk [31m full'],
    pins: ['ab'.repeat(32)],
    packetsPerKey: [{ labels: 'role="client"', value: 42 }],
  });
  expect(evidence.counters['kwik_violations_total']).toEqual([{ labels: 'code="ERR_KWIK_TOKEN_FORGED"', value: 3 }]);
  expect(evidence.counters).not.toHaveProperty('kwik_sessions');
  expect(Object.keys(evidence.options)).toEqual(['pin', 'listen', 'url']);
  expect(JSON.stringify(evidence)).not.toContain('secret');
});

test('a page with a million samples takes the memory of two hundred', () => {
  const metrics = Array.from({ length: 50_000 }, (_, at) => `kwik_dropped_total{reason="${at}"} 1`).join('\n');
  expect(processEvidence('here', { ...PAGES, metrics }).counters['kwik_dropped_total']).toHaveLength(200);
});

test.each([
  [{ about: '{}' }, /not what a process of KWIK tells/u],
  [{ health: 'no' }, /not what a process of KWIK tells/u],
  [{ metrics: '<html>' }, /none of KWIK's metrics/u],
])('%j is told from such a page', (wrong, message) => {
  expect(() => processEvidence('here', { ...PAGES, ...wrong })).toThrow(message);
});

describe('a bundle of kwik support', () => {
  const entries = [
    { name: 'README.txt', text: 'x'.repeat(1000) },
    { name: 'about.json', text: PAGES.about },
    { name: 'health.json', text: PAGES.health },
    { name: 'metrics.txt', text: PAGES.metrics },
  ];

  test('is read as archive and as folder', async () => {
    const archive = await disk.write('bundle.tgz', tarball('kwik-support', entries, 0));
    for (const { name, text } of entries) await disk.write(`folder/${name}`, text);
    expect(await readBundle(archive)).toEqual(PAGES);
    expect(await readBundle(disk.path('folder'))).toEqual(PAGES);
  });

  test.each<[string, Buffer, RegExp]>([
    ['no archive', Buffer.from('text'), /is no \.tgz of kwik support/u],
    ['an archive without its files', tarball('a', entries.slice(0, 2), 0), /has no health\.json/u],
    ['one that was cut off', gzipSync(Buffer.alloc(1024, 'a')), /has no about\.json/u],
    ['one that unpacks to more than any', gzipSync(Buffer.alloc(129 * 1024 * 1024)), /larger than any/u],
  ])('%s is refused by name', async (_what, data, message) => {
    await expect(readBundle(await disk.write('b.tgz', data))).rejects.toThrow(message);
  });

  test('that is not there is said so', async () => {
    await expect(readBundle(disk.path('none'))).rejects.toMatchObject({ code: 'ERR_KWIK_LOCAL_FILE' });
  });
});
