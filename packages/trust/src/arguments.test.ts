import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AuditEvent } from '@kwik/wire';
import {
  AccessPolicy,
  auditKey,
  AuditLog,
  AuditSender,
  CedarAccess,
  cosign,
  identifyAuditLog,
  KeptTrustScores,
  parseCheckpoint,
  parseNoteKey,
  reportReputation,
  SharedAuditLog,
  SharedReputation,
  TrustScores,
  verifyAuditLog,
  ViolationAlerts,
  WebhookQueue,
} from './index.js';

/** As who writes JavaScript may hand it over. */
const wrong = (value: unknown): never => value as never;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kwik-trust-'));
});
afterAll(() => rm(folder, { recursive: true }));

const { privateKey: key, publicKey } = generateKeyPairSync('ed25519');
const scores = new TrustScores();
const send = (): boolean => true;
const refused = (message: RegExp, code = 'ERR_KWIK_INVALID_ARGUMENT'): unknown =>
  expect.objectContaining({ name: 'KwikError', code, message: expect.stringMatching(message) });

describe('what a public call cannot take is refused by name, before anything comes of it', () => {
  test.each<[string, RegExp, () => unknown]>([
    ['AccessPolicy', /access policy/, () => new AccessPolicy(undefined)],
    ['a rule', /rules\[0\]\.may/, () => new AccessPolicy({ version: 1, rules: [{ name: 'x', may: 'open' }] })],
    [
      'a rule, misspelt',
      /form/,
      () => new AccessPolicy({ version: 1, rules: [{ name: 'x', may: ['open'], form: [] }] }),
    ],
    ['CedarAccess', /engine of CedarAccess/, () => new CedarAccess(wrong({}), { policies: '' })],
    ['AuditSender', /takes the option isConnected/, () => new AuditSender(wrong({ send }))],
    ['AuditSender of nothing', /options of AuditSender/, () => new AuditSender(wrong(undefined))],
    ['SharedAuditLog', /log of SharedAuditLog/, () => new SharedAuditLog({ log: wrong({}), send })],
    ['ViolationAlerts', /options of ViolationAlerts/, () => new ViolationAlerts(wrong(undefined))],
    ['a webhook of alerts', /webhook\.url/, () => new ViolationAlerts({ webhook: { url: wrong(5) } })],
    ['WebhookQueue', /tries of WebhookQueue/, () => new WebhookQueue({ url: 'http://a.test', tries: 0 })],
    ['a header', /option headers/, () => new WebhookQueue({ url: 'http://a.test', headers: { a: wrong(1) } })],
    ['TrustScores', /audit of TrustScores/, () => new TrustScores({ audit: wrong({}) })],
    ['a bound of TrustScores', /maxServers of TrustScores/, () => new TrustScores({ maxServers: Number.NaN })],
    ['a policy', /policy of trust scores.*halfLife/s, () => new TrustScores({ policy: wrong({ halfLife: 1 }) })],
    ['SharedReputation', /reporters of SharedReputation/, () => new SharedReputation(scores, wrong('key'))],
    ['a weight', /weight of SharedReputation/, () => new SharedReputation(scores, [{ key: 'x', weight: 2 }])],
    ['reportReputation', /pins of report/, () => reportReputation(scores, wrong('pin'), { name: 'x', key }, 1)],
    ['parseNoteKey', /text of parseNoteKey/, () => parseNoteKey(wrong(undefined))],
    ['parseCheckpoint', /text of a note/, () => parseCheckpoint(wrong(Buffer.alloc(1)))],
    ['cosign', /key of a note/, () => cosign('x', 'y', wrong('PEM'), 0)],
  ])('%s', (_what, message, call) => {
    expect(call).toThrow(refused(message));
  });

  test('a public key signs nothing', () => {
    expect(() => cosign('x', 'y', publicKey, 0)).toThrow(refused(/private Ed25519/, 'ERR_KWIK_CREDENTIALS'));
  });

  const path = (): string => join(folder, 'audit.log');
  test.each<[string, RegExp, () => Promise<unknown>]>([
    ['AuditLog.open of nothing', /options of AuditLog\.open/, () => AuditLog.open(wrong(undefined))],
    ['a path', /path of AuditLog\.open/, () => AuditLog.open({ path: '', key, origin: 'x' })],
    ['a key', /key of AuditLog\.open/, () => AuditLog.open({ path: path(), key: wrong('PEM'), origin: 'x' })],
    ['no origin', /takes the option origin/, () => AuditLog.open(wrong({ path: path(), key }))],
    ['an origin with spaces', /name without spaces/, () => AuditLog.open({ path: path(), key, origin: 'a b' })],
    ['fsync', /fsync of AuditLog\.open/, () => AuditLog.open({ path: path(), key, origin: 'x', fsync: wrong('now') })],
    ['a policy', /onFailure/, () => AuditLog.open({ path: path(), key, origin: 'x', onFailure: wrong('ignore') })],
    ['a time', /checkpointMs/, () => AuditLog.open({ path: path(), key, origin: 'x', checkpointMs: 0 })],
    ['a disk', /runtime\.disk/, () => AuditLog.open({ path: path(), key, origin: 'x', runtime: { disk: wrong({}) } })],
    ['auditKey', /path of auditKey/, () => auditKey(wrong(undefined))],
    ['identifyAuditLog', /path of identifyAuditLog/, () => identifyAuditLog(wrong(5))],
    ['verifyAuditLog', /path of verifyAuditLog/, () => verifyAuditLog(wrong({ path: 'x' }))],
    ['its key', /key of verifyAuditLog/, () => verifyAuditLog(path(), { key: wrong('name+id+key') })],
    ['KeptTrustScores.open', /everyMs/, () => KeptTrustScores.open({ path: path(), everyMs: 2 ** 40 })],
    ['a path of scores', /path of KeptTrustScores/, () => KeptTrustScores.open({ path: 'a\0b' })],
  ])('%s', async (_what, message, call) => {
    await expect(call()).rejects.toEqual(refused(message));
    expect(await readdir(folder)).toEqual([]);
  });
});

test('what is no event does not stop the log, nor spoil it: it is counted as lost', async () => {
  const path = join(folder, 'audit.log');
  const open = () => AuditLog.open({ path, key, origin: 'example.org/x', fsync: 'never' });
  const log = await open();
  const none: unknown[] = [
    undefined,
    'refused',
    {},
    { kind: 5 },
    { kind: '' },
    { kind: 'x'.repeat(65) },
    { kind: 'refused', pathId: 5n },
    { kind: 'refused', detail: Object.create(null) },
    { kind: 'refused', role: 'x'.repeat(100_000) },
  ];
  for (const event of none) log.record(event as AuditEvent);
  log.record({ kind: 'refused', detail: 'all the same' });
  await log.flush();
  expect(log.failure).toBeUndefined();
  expect(log.stats()).toMatchObject({ lost: none.length, waiting: 0 });
  await log.close();
  const kinds: string[] = [];
  const found = await verifyAuditLog(path, { onEntry: ({ kind }) => kinds.push(kind) });
  expect([found.faults, kinds]).toEqual([[], ['log-opened', 'refused', 'entries-lost', 'log-closed']]);
  await (await open()).close();
});
