/**
 * Congestion control and pacing over emulated links: goodput, losses and RTT of one stream. What the defaults rest on.
 *
 *   npx tsx packages/quic/bench/links.ts [--seconds 6] [--rounds 1] [--only shallow,lossy]
 */
import { parseArgs } from 'node:util';
import { createLinks, type LinkShape } from '@kwik/testbed';
import type { PathTransport, TransportStream } from '@kwik/wire';
import { Endpoint, type TransportOptions } from '../src/index.js';
import { type Issued, makeAuthority } from '../src/test-support/certificates.js';

const MBIT = 1e6;

/** Queues in milliseconds at the rate; delays are one way. */
function shape(rateMbit: number, delayMs: number, queueMs: number, lossRate = 0): LinkShape {
  const queueBytes = Math.round((rateMbit * MBIT * queueMs) / 8000);
  return { both: { delayMs }, down: { rateBitsPerSecond: rateMbit * MBIT, queueBytes, lossRate } };
}

const LINKS: Readonly<Record<string, LinkShape>> = {
  plain: shape(20, 10, 50),
  shallow: shape(20, 25, 10),
  lossy: shape(20, 10, 50, 0.01),
  slow: shape(5, 60, 100),
  fast: shape(100, 15, 30),
};

const SENDERS: Readonly<Record<string, TransportOptions>> = {
  'bbr paced': { congestionControl: 'bbr', pacing: true },
  'bbr unpaced': { congestionControl: 'bbr', pacing: false },
  'cubic paced': { congestionControl: 'cubic', pacing: true },
  'cubic unpaced': { congestionControl: 'cubic', pacing: false },
  'reno paced': { congestionControl: 'reno', pacing: true },
};

const ignore = {
  onData: () => undefined,
  onEnd: () => undefined,
  onReset: () => undefined,
  onStopSending: () => undefined,
  onWritable: () => undefined,
};

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '1' },
    only: { type: 'string', default: Object.keys(LINKS).join(',') },
    senders: { type: 'string', default: Object.keys(SENDERS).join(',') },
  },
});

interface Result {
  readonly goodputMbit: number;
  readonly lost: number;
  readonly meanRttMs: number;
}

const authority = await makeAuthority();
const issued = await authority.issue();

for (const link of values.only.split(',')) {
  const linkShape = LINKS[link];
  if (linkShape === undefined) throw new Error(`no link ${link}; there are ${Object.keys(LINKS).join(', ')}`);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [name, transport] of Object.entries(SENDERS)) {
      if (!values.senders.split(',').includes(name)) continue;
      const result = await measure(linkShape, transport, issued, Number(values.seconds));
      console.log(
        `${link.padEnd(8)} ${name.padEnd(14)} ${result.goodputMbit.toFixed(1).padStart(6)} Mbit/s  ` +
          `${String(result.lost).padStart(5)} lost  RTT ${result.meanRttMs.toFixed(0)} ms`,
      );
    }
  }
}

async function measure(
  link: LinkShape,
  transport: TransportOptions,
  certificate: Issued,
  seconds: number,
): Promise<Result> {
  const server = await Endpoint.bind();
  const sender: { connection?: PathTransport } = {};
  server.listen({ ...certificate, transport }, (connection) => {
    sender.connection = connection;
    connection.attach({ onStream: blast, onSendable: () => undefined, onClose: () => undefined });
  });
  const target = { host: '127.0.0.1', port: server.address().port };
  await using links = await createLinks({ path: { target, ...link } });
  const client = await Endpoint.bind();
  const path = { host: links.links.path.host, port: links.links.path.port };
  const connection = await client.dial({ ...path, trust: { ca: authority.certPem }, transport });
  connection.attach({ onStream: () => undefined, onSendable: () => undefined, onClose: () => undefined });
  let bytes = 0;
  const stream = connection.openStream({ unidirectional: false });
  stream?.attach({ ...ignore, onData: (chunk) => (bytes += chunk.length) });
  stream?.write(Uint8Array.of(1));
  const rtts: number[] = [];
  const timer = setInterval(() => rtts.push(sender.connection?.stats().rttMs ?? 0), 50);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  clearInterval(timer);
  const lost = sender.connection?.stats().lostPackets ?? 0;
  const result = { goodputMbit: (bytes * 8) / seconds / MBIT, lost, meanRttMs: mean(rtts) };
  await client.close();
  await server.close();
  return result;
}

/** Always has more to send. */
function blast(stream: TransportStream): void {
  const chunk = new Uint8Array(64 * 1024).fill(7);
  const pump = (): void => {
    while (stream.write(chunk) === chunk.length);
  };
  stream.attach({ ...ignore, onData: pump, onWritable: pump });
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length);
}
