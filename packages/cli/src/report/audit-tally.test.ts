import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { AuditLog, verifyAuditLog, type LogEntry } from '@kwik/trust';
import type { AuditEvent } from '@kwik/wire';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { AuditTally } from './audit-tally.js';
import { readAudits } from './read-audits.js';

const disk = temporaryFolder();
const { privateKey } = generateKeyPairSync('ed25519');
const AT_MS = Date.UTC(2026, 10, 29);
const PIN = 'ab'.repeat(32);
const SIGNER = 'cd'.repeat(32);

const EVENTS: readonly AuditEvent[] = [
  { kind: 'listener-opened', facts: { signer: SIGNER } },
  { kind: 'key-changed', detail: 'certificate', facts: { pin: PIN, from: iso(-10), until: iso(80) } },
  { kind: 'session-opened', role: 'primary', facts: { mechanism: 'psk' } },
  { kind: 'session-opened', role: 'primary', facts: { agent: 'x' } },
  { kind: 'token-issued', facts: { token: '01', expires: new Date(AT_MS + 30_000).toISOString() } },
  { kind: 'token-issued', facts: { token: '02', expires: new Date(AT_MS + 50_000).toISOString() } },
  { kind: 'token-accepted', facts: { token: '01' } },
  { kind: 'refused', code: 'ERR_KWIK_AUTH_FAILED', detail: 'first' },
  { kind: 'refused', code: 'ERR_KWIK_AUTH_FAILED', detail: '<b>second</b>', facts: { unwritten: 7 } },
  { kind: 'refused', code: 'ERR_KWIK_PERMISSION_DENIED', detail: 'rule x' },
  { kind: 'violation', code: 'ERR_KWIK_TOKEN_FORGED' },
];

function iso(days: number): string {
  return new Date(AT_MS + days * 86_400_000).toISOString();
}

async function writeLog(name: string, origin = 'example.org/one'): Promise<string> {
  const path = disk.path(name);
  const log = await AuditLog.open({ path, key: privateKey, origin, runtime: { wallClockMs: () => AT_MS } });
  for (const event of EVENTS) log.record(event);
  await log.close();
  return path;
}

const sources = (audit: readonly string[], auditKey: readonly string[] = [], checkpoint: readonly string[] = []) =>
  readAudits({ audit, auditKey, checkpoint });

test('what a log says is counted by kind, mechanism and reason, with lifetimes, pins and keys', async () => {
  const evidence = await sources([await writeLog('audit.log')]);
  expect(evidence).toMatchObject({
    kinds: { 'session-opened': 2, refused: 3, 'log-opened': 1, 'log-closed': 1 },
    mechanisms: { none: 1, psk: 1 },
    certificates: [{ what: 'certificate', seenAt: iso(0), pin: PIN, from: iso(-10), until: iso(80) }],
    signers: [{ key: SIGNER, seenAt: iso(0) }],
    issuedTokens: { tokens: 2, shortestSeconds: 30, meanSeconds: 40, longestSeconds: 50 },
    acceptedTokens: 1,
    refusals: [
      { code: 'ERR_KWIK_AUTH_FAILED', count: 2, lastAt: iso(0), lastDetail: '<b>second</b>' },
      { code: 'ERR_KWIK_PERMISSION_DENIED', count: 1 },
    ],
    violations: [{ code: 'ERR_KWIK_TOKEN_FORGED', count: 1 }],
    unwritten: 7,
    lost: 0,
  });
  expect(evidence?.logs).toMatchObject([{ from: 0, to: 13, signed: 13, closed: true, keyGiven: false, faults: [] }]);
  expect(await sources([])).toBeNull();
});

test('several logs are verified each with its own key and checkpoints, and one that was changed is named', async () => {
  const [one, other] = [await writeLog('one.log'), await writeLog('other.log', 'example.org/other')];
  const keys = await Promise.all([one, other].map(async (path) => (await verifyAuditLog(path)).key ?? ''));
  const notes = [`${one}.checkpoint`, `${other}.checkpoint`];
  const sound = await sources([one, other], keys, notes);
  expect(sound?.logs).toMatchObject([
    { keyGiven: true, faults: [] },
    { keyGiven: true, faults: [] },
  ]);
  expect(sound?.kinds['refused']).toBe(6);

  const text = await readFile(other, 'utf8');
  await writeFile(other, text.replace('"detail":"first"', '"detail":"fist"'));
  const changed = await sources([one, other], keys, notes);
  expect(changed?.logs[0]?.faults).toEqual([]);
  expect(changed?.logs[1]?.faults.join('\n')).toMatch(/other\.log:\d+: .*edited or replaced/u);
});

test('a key that did not sign, and a checkpoint of no log that was given, are faults', async () => {
  const [one, other] = [await writeLog('one.log'), await writeLog('other.log', 'example.org/other')];
  const { key = '' } = await verifyAuditLog(other);
  const evidence = await sources([one], [key], [`${other}.checkpoint`]);
  expect(evidence?.logs[0]?.faults).toEqual([
    expect.stringMatching(/signed by example\.org\/one\+.*none of the keys/u),
    'a checkpoint of example.org/other was given, which is none of these logs',
  ]);
});

test('a log with a million names takes the memory of a hundred', () => {
  const tally = new AuditTally();
  for (let n = 0; n < 5000; n++) {
    const entry: LogEntry = { n, at: iso(0), kind: `kind-${n}`, prev: '' };
    tally.take(entry);
    tally.take({ ...entry, kind: 'refused', code: `CODE_${n}`, detail: 'x'.repeat(10_000) });
    tally.take({ ...entry, kind: 'key-changed', facts: { pin: PIN, from: iso(0), until: iso(1), signer: SIGNER } });
  }
  const { kinds, refusals, certificates, signers } = tally.evidence;
  expect([Object.keys(kinds).length, refusals.length, certificates.length, signers.length]).toEqual([
    101, 101, 1000, 1000,
  ]);
  expect(kinds['others']).toBeGreaterThan(4000);
  expect(refusals.every(({ lastDetail }) => lastDetail.length <= 200)).toBe(true);
});

test('entries whose facts are anything but facts are counted, and say nothing else', () => {
  const tally = new AuditTally();
  for (const facts of [undefined, null, 'text', [1], { expires: 'tomorrow', mechanism: 7, pin: 3, count: -1 }]) {
    for (const kind of ['session-opened', 'token-issued', 'key-changed', 'entries-lost', 'refused']) {
      tally.take({ n: 0, at: iso(0), kind, prev: '', facts });
    }
  }
  expect(tally.evidence).toMatchObject({ issuedTokens: null, certificates: [], signers: [], lost: 0, unwritten: 0 });
  expect(tally.evidence.mechanisms).toEqual({ none: 5 });
});
