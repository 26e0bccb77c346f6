import { Endpoint } from '@kwik/quic';
import type { Part } from '../part.js';
import { measureRows } from './transfer/rows.js';

const MB = 1e6;

/** The same transfer by each implementation of the driver's socket, in turn. */
export const io: Part = {
  name: 'io',
  about: 'one stream of @kwik/quic on loopback by batched system calls, beside the same by node:dgram',
  async run(context) {
    const reason = await whyNotBatched();
    if (reason !== undefined) return { rows: [], skipped: [`io: ${reason}`] };
    const bytes = (context.quick ? 50 : 200) * MB;
    const courses = {
      batched: { contender: 'driver', bytes, io: 'batched' },
      dgram: { contender: 'driver', bytes, io: 'dgram' },
      batchedSession: { contender: 'session', bytes, io: 'batched' },
      dgramSession: { contender: 'session', bytes, io: 'dgram' },
    } as const;
    const driver = { own: 'batched', reference: 'dgram', called: 'node:dgram' } as const;
    const session = { own: 'batchedSession', reference: 'dgramSession', called: 'node:dgram' } as const;
    const { rows } = await measureRows(
      courses,
      [
        { name: 'driver, batched', ...driver },
        { name: 'CPU, client of the driver', figure: 'clientCpu', ...driver },
        { name: 'CPU, server of the driver', figure: 'serverCpu', ...driver },
        { name: 'session, batched', ...session },
        { name: 'CPU, client of the session', figure: 'clientCpu', ...session },
        { name: 'CPU, server of the session', figure: 'serverCpu', ...session },
      ],
      context,
    );
    return { rows };
  },
};

async function whyNotBatched(): Promise<string | undefined> {
  try {
    await (await Endpoint.bind({ host: '127.0.0.1', port: 0, io: 'batched' })).close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
