import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { setDiskFull } from '../src/stage/full-disk.js';
import { Harness } from './harness.js';

jest.setTimeout(120_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

describe('kwik audit', () => {
  test('verifies what kwik serve --audit wrote, and names what was changed', async () => {
    await harness.makeFile('a/file', 1000);
    const log = harness.path('audit.log');
    const server = await harness.serve('a', ['--audit', log]);
    expect((await harness.get([`kwik://${server.address}/file`])).status).toBe(0);
    server.process.kill('SIGTERM');
    await server.process.ended;

    const sound = await harness.run(['audit', 'verify', log]);
    expect(sound).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/as it was written: entries 0 to \d+ in 1 file/u),
    });
    const text = await readFile(log, 'utf8');
    const kinds = ['log-opened', 'listener-opened', 'key-changed', 'session-opened', 'session-closed', 'log-closed'];
    for (const kind of kinds) expect(text).toContain(`"kind":"${kind}"`);

    const key = (await harness.run(['audit', 'key', log])).stdout;
    const kept = (await harness.run(['audit', 'checkpoint', log])).stdout;
    await writeFile(harness.path('kept'), kept);
    const asVerifier = ['audit', 'verify', log, '--key', key.trim(), '--checkpoint', harness.path('kept')];
    expect(await harness.run(asVerifier)).toMatchObject({
      status: 0,
      stdout: expect.not.stringContaining('to be sure'),
    });

    await writeFile(log, text.replace('"kind":"session-opened"', '"kind":"session-closed"'));
    const edited = await harness.run([...asVerifier, '--json']);
    expect(edited.status).toBe(1);
    expect(JSON.parse(edited.stdout)).toMatchObject({
      faults: expect.arrayContaining([expect.objectContaining({ text: expect.stringMatching(/edited or replaced/u) })]),
    });
  });

  test('has who was refused by the policy of --access', async () => {
    await harness.makeFile('a/file', 1000);
    const log = harness.path('audit.log');
    const policy = harness.path('access.json');
    await writeFile(
      policy,
      JSON.stringify({ version: 1, rules: [{ name: 'elsewhere', may: ['open'], from: ['192.0.2.0/24'] }] }),
    );
    const server = await harness.serve('a', ['--audit', log, '--access', policy]);
    expect((await harness.get([`kwik://${server.address}/file`])).status).not.toBe(0);
    server.process.kill('SIGTERM');
    await server.process.ended;
    expect(await readFile(log, 'utf8')).toMatch(/"kind":"refused".*"code":"ERR_KWIK_PERMISSION_DENIED".*rule default/u);
    await writeFile(policy, '{ "version": 1, "rules": [{ "name": "a" }] }');
    const wrong = await harness.run(['serve', harness.path('a'), '--access', policy]);
    expect(wrong).toMatchObject({
      status: expect.any(Number),
      stderr: expect.stringContaining('access policy cannot be used'),
    });
  });

  test('a full disk: nobody is let in unseen, who is here is served, and all is well when there is room', async () => {
    await harness.makeFile('a/file', 1_000_000);
    const log = harness.path('audit.log');
    const { address, process } = await harness.serve('a', ['--audit', log, '--qlog', harness.path('qlog')]);
    const get = () => harness.get([`kwik://${address}/file`, '-o', harness.path('got'), '--force']);
    expect((await get()).status).toBe(0);
    await setDiskFull(process.pid, true);
    // The log is found to be full by what this one leaves in it.
    expect((await get()).status).toBe(0);
    await process.printed(/"event":"qlog-failed","message":"[^"]*EFBIG/u);
    const refused = await get();
    expect(refused.status).toBe(4);
    expect(refused.stderr).toMatch(/the audit log cannot be written, and nobody is let in without it/u);
    await setDiskFull(process.pid, false);
    let after = await get();
    for (let tries = 0; after.status !== 0 && tries < 20; tries++) after = await get();
    expect(after.status).toBe(0);
    process.kill('SIGTERM');
    expect((await process.ended).status).toBe(0);
    // What waited meanwhile has been written down.
    expect((await harness.run(['audit', 'verify', log])).status).toBe(0);
    expect((await readFile(log, 'utf8')).match(/"kind":"session-opened"/gu)).toHaveLength(3);
  });

  test('says in one line why it cannot', async () => {
    const none = await harness.run(['audit', 'verify', harness.path('none.log')]);
    expect(none).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^kwik: [^\n]*there is no audit log [^\n]*\n$/u),
    });
    const key = await harness.run(['audit', 'verify', harness.path('none.log'), '--key', 'a+b+c']);
    expect(key.stderr).toMatch(/not a key of the form/u);
  });
});
