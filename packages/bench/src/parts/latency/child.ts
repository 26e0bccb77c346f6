/** Both ends of an echo of small messages, over the session, the driver, or TLS. */
import type { Credentials } from '../../harness/certificates.js';
import { answerParent } from '../../harness/child.js';
import { percentile } from '../../harness/stats.js';
import type { EchoContender, EchoName } from './contender.js';

export interface EchoTask {
  readonly contender: EchoName;
  /** Where the client dials: one path for each. */
  readonly ports: readonly number[];
  readonly caPem: string;
  readonly warmUp: number;
  readonly count: number;
}

/** Milliseconds. */
export interface EchoResult {
  readonly p50: number;
  readonly p99: number;
  readonly times: Float64Array;
}

const MESSAGE_BYTES = 100;

export const calls = answerParent({
  async serve(task: { contender: EchoName; credentials: Credentials }): Promise<{ port: number }> {
    return { port: await (await load(task.contender)).serve(task.credentials) };
  },

  async echo({ contender, ports, caPem, warmUp, count }: EchoTask): Promise<EchoResult> {
    const connection = await (await load(contender)).connect(ports, caPem);
    const message = new Uint8Array(MESSAGE_BYTES);
    const times = new Float64Array(count);
    for (let turn = -warmUp; turn < count; turn += 1) {
      message.fill(turn);
      const start = performance.now();
      const answer = await connection.echo(message);
      if (turn >= 0) times[turn] = performance.now() - start;
      if (Buffer.compare(answer, message) !== 0) throw new Error(`echo ${turn}: other bytes came back`);
    }
    await connection.close();
    return { p50: percentile([...times], 50), p99: percentile([...times], 99), times };
  },
});

async function load(name: EchoName): Promise<EchoContender> {
  switch (name) {
    case 'session':
      return (await import('./session.js')).session;
    case 'driver':
      return (await import('./driver.js')).driver;
    case 'tls':
      return (await import('./tls.js')).tls;
  }
}
