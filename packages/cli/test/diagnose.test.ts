import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Harness } from './harness.js';

jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** An answer that is there comes at once, unless the machine does much else. */
const QUICK = ['--count', '2', '--interval', '0.05', '--timeout', '20'];
/** For what never answers. */
const IMPATIENT = ['--timeout', '5'];

/** An address at which nothing listens. */
async function emptyPort(): Promise<string> {
  const { address, process } = await harness.serve('gone');
  process.kill('SIGKILL');
  await process.ended;
  return address;
}

describe('kwik ping', () => {
  test('asks over each path in rounds, and ends with 0 when all answer', async () => {
    const peer = await harness.serve('a');
    const { address } = await harness.serveWith('a', [peer]);
    const { status, stdout } = await harness.run(['ping', address, ...QUICK]);
    for (const server of [address, peer.address]) {
      for (const round of [1, 2]) expect(stdout).toMatch(new RegExp(`to ${server}: round ${round}: [\\d.]+ ms`, 'u'));
      expect(stdout).toMatch(
        new RegExp(`to ${server}: 2 asked, 2 answered, 0 % lost; rtt min/avg/max [\\d./ ]+ ms`, 'u'),
      );
    }
    expect(status).toBe(0);
  });

  test('ends with 1 when a server that belongs to it is not there, and with 4 when nobody is', async () => {
    const gone = await emptyPort();
    const { address } = await harness.serveWith('a', [gone]);
    const { status, stdout } = await harness.run(['ping', address, ...QUICK, '--json']);
    const { servers } = JSON.parse(stdout) as { servers: { refused: unknown[]; paths: unknown[] }[] };
    expect(servers[0]!.refused).toEqual([{ address: gone, reason: expect.stringContaining('nobody listens') }]);
    expect(servers[0]!.paths).toMatchObject([
      { id: 0, primary: true, verdict: 'carries', rounds: { asked: 2, answered: 2 }, clockAheadMs: expect.any(Number) },
    ]);
    expect(status).toBe(1);
    expect((await harness.run(['ping', gone, ...QUICK])).status).toBe(4);
  });

  test.each([
    [['--count', '0'], /--count.*from 1 to 1000/u],
    [['--timeout', '61'], /--timeout.*up to 60/u],
    [['--pin', 'xyz'], /not a SHA-256/u],
    [['kwik:films'], /kwik servers films/u],
  ])('refuses %j with 2', async (args, words) => {
    const { status, stderr } = await harness.run(['ping', '127.0.0.1:9', ...args]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(words)]);
  });
});

describe('kwik bench', () => {
  const BRIEF = ['--seconds', '0.3', '--max-bytes', '2MB'];

  test('reads the largest file over all paths together and from each server alone, and keeps to its bounds', async () => {
    await harness.makeFile('a/small', 10);
    await harness.makeFile('a/large', 20_000_000);
    const peer = await harness.serve('a');
    const { address } = await harness.serveWith('a', [peer]);
    const { status, stdout } = await harness.run(['bench', address, ...BRIEF, '--json']);
    expect(status).toBe(0);
    const { path, together, alone } = JSON.parse(stdout) as {
      path: string;
      together: { bytes: number; paths: { address: string }[] };
      alone: { address: string; mbps: number; paths: unknown[] }[];
    };
    expect(path).toBe('large');
    expect(together.paths.map((one) => one.address)).toEqual([address, peer.address]);
    expect(together.bytes).toBeLessThan(4_000_000);
    expect(alone.map((one) => [one.address, one.mbps > 0, one.paths.length])).toEqual([
      [address, true, 1],
      [peer.address, true, 1],
    ]);
  });

  test('says so when there is nothing to read, and ends with 3, and with 4 when nobody is there', async () => {
    const { address } = await harness.serve('empty');
    const { status, stderr } = await harness.run(['bench', address, ...BRIEF]);
    expect([status, stderr]).toEqual([3, expect.stringContaining('lists no file with anything in it; name one')]);
    expect((await harness.run(['bench', await emptyPort(), ...BRIEF])).status).toBe(4);
  });
});

describe('kwik doctor', () => {
  test('has nothing to say of two servers and a relay that are well', async () => {
    const peer = await harness.serve('a');
    const { address } = await harness.serveWith('a', [peer]);
    const relay = harness.start(['relay', '--listen', '127.0.0.1:0', '--anchor', '127.0.0.1', '--for-clients']);
    const [, at = ''] = await relay.printed(/listening on ([\d.:]+)/u);
    // As somebody types it who has just used `kwik get`; both ways it is one server.
    const { status, stdout } = await harness.run([
      'doctor',
      `kwik://${address}/file`,
      address,
      '--relay',
      at,
      ...QUICK,
    ]);
    expect(stdout).toContain(`${address}: UDP gets through, session open after `);
    expect(stdout).toContain(`via ${at}`);
    expect(stdout).toMatch(/certificate until \d{4}-\d\d-\d\d/u);
    expect(stdout).toMatch(/\n3 of 3 paths are well; nothing is wrong\n$/u);
    expect(status).toBe(0);
  });

  test('names what is wrong with servers, their peers and relays, in words', async () => {
    const gone = await emptyPort();
    const mute = await harness.silentServer();
    const { address } = await harness.serveWith('a', [gone]);
    const { status, stdout } = await harness.run(['doctor', address, mute, '--relay', gone, ...QUICK, ...IMPATIENT]);
    expect(stdout).toContain(`! the session with ${address} does not use ${gone}: `);
    expect(stdout).toMatch(new RegExp(`! no answer from ${mute}.*firewall drops UDP.*other servers answer`, 'u'));
    expect(stdout).toContain('- a single server answers');
    expect(stdout).toMatch(/1 of 1 path is well; \d problems\n$/u);
    expect(status).toBe(1);
  });

  test('says what is wrong with a certificate, and ends with 4', async () => {
    const { address } = await harness.serve('a');
    const { status, stdout } = await harness.run(['doctor', address, ...QUICK], {
      KWIK_DATA_DIR: harness.path('other'),
    });
    expect(stdout).toMatch(/UDP gets through, no session/u);
    expect(stdout).toMatch(/! the certificate of .* is not accepted: .*--ca/u);
    expect(status).toBe(4);
  });
});
