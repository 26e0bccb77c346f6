import { describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { once } from 'node:events';
import { findProgram, freePort, startProgram } from './index.js';

const node = process.execPath;

describe('findProgram', () => {
  it('finds what a shell would, as an absolute path', () => {
    expect(findProgram('sh')).toMatch(/^\/.*\/sh$/);
  });

  it('finds nothing under a name that no program has', () => {
    expect(findProgram('kwik-no-such-program')).toBeUndefined();
  });
});

describe('startProgram', () => {
  it('resolves when the output says so, also over several writes, and stops it', async () => {
    const script =
      "process.stdout.write('rea'); setTimeout(() => process.stderr.write('dy\\n'), 20); setInterval(() => {}, 1e6)";
    const program = await startProgram(node, ['-e', script], { ready: /ready/ });
    expect(program.pid).toBeGreaterThan(0);
    expect(program.output()).toBe('ready\n');
    await program.stop();
    await program.stop();
    expect(await program.ended).toBe('SIGTERM');
  });

  it('rejects with the output when it ends before it is ready', async () => {
    const started = startProgram(node, ['-e', "console.error('no such file'); process.exit(3)"], { ready: /ready/ });
    await expect(started).rejects.toThrow(/ended with 3 before it was ready:\nno such file/);
  });

  it('rejects, and leaves nothing behind, when it is not ready in time', async () => {
    // It says who it is within the time on a busy machine, too.
    const started = startProgram('/bin/sh', ['-c', 'echo $$; exec sleep 1000'], { ready: /ready/, readyWithinMs: 500 });
    const message = await started.then(String, String);
    expect(message).toMatch(/was not ready within 500 ms/);
    const pid = Number(/^(\d+)$/m.exec(message)?.[1]);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('rejects when there is no such program', async () => {
    await expect(startProgram('/no/such/program', [])).rejects.toThrow(/cannot be started/);
  });
});

describe('freePort', () => {
  it('is a port that nobody listens on', async () => {
    const socket = connect(await freePort(), '127.0.0.1');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });
});
