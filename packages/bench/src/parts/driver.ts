import type { Part } from '../part.js';
import { measureRows } from './transfer/rows.js';

const MB = 1e6;
/** The classes move some 2 MB/s: fewer bytes tell as much. */
const CLASSES_SHARE = 0.02;

/** Goodput of one stream in one direction on loopback. */
export const driver: Part = {
  name: 'driver',
  about: 'one stream of @kwik/quic on loopback, beside a minimal loop, the classes of @matrixai/quic, and node:tls',
  async run(context) {
    const bytes = (context.quick ? 50 : 200) * MB;
    const courses = {
      driver: { contender: 'driver', bytes },
      routed: { contender: 'driver', bytes, followsRoute: true },
      threaded: { contender: 'threaded', bytes },
      minimal: { contender: 'minimal', bytes },
      tls: { contender: 'tls', bytes },
      classes: { contender: 'classes', bytes: Math.round(bytes * CLASSES_SHARE) },
    } as const;
    const { rows } = await measureRows(
      courses,
      [
        to('minimal', 'minimal loop', 0.9),
        to('classes', 'classes', 30),
        { name: 'goodput to node:tls', own: 'driver', reference: 'tls', called: 'node:tls' },
        { name: 'CPU, client', figure: 'clientCpu', own: 'driver', reference: 'minimal', called: 'minimal loop' },
        { name: 'CPU, server', figure: 'serverCpu', own: 'driver', reference: 'minimal', called: 'minimal loop' },
        {
          name: 'datagrams as large as the route takes',
          own: 'routed',
          reference: 'driver',
          called: 'datagrams of 1,350 bytes',
        },
        { name: 'client in a worker thread', own: 'threaded', reference: 'driver', called: 'driver' },
        {
          name: 'CPU, client in a worker thread',
          figure: 'clientCpu',
          own: 'threaded',
          reference: 'driver',
          called: 'driver',
        },
      ],
      context,
    );
    return { rows };
  },
};

function to(reference: 'minimal' | 'classes', called: string, atLeast: number) {
  return { name: `goodput to ${called}`, own: 'driver', reference, called, target: { of: 'ratio', atLeast } } as const;
}
