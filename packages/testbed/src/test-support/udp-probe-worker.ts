/**
 * Sends datagrams at given times and notes when they come back in, in a thread that does nothing else and turns its
 * event loop every 0.05 ms, so that its clock readings are that good while the machine lets it run. It sleeps between
 * the turns: a thread that never does is the first to lose its core.
 */
import { createSocket } from 'node:dgram';
import { setPriority } from 'node:os';
import { parentPort, type MessagePort } from 'node:worker_threads';

export interface ProbeCommand {
  /** The link's port; datagrams go there and are expected at the probe's own port. */
  readonly port: number;
  readonly count: number;
  readonly bytes: number;
  readonly intervalMs: number;
  /** After the last datagram was sent. */
  readonly waitMs: number;
}

export interface Arrival {
  readonly sequence: number;
  readonly sentMs: number;
  readonly receivedMs: number;
}

export type ProbeReply =
  | { readonly kind: 'bound'; readonly port: number }
  | { readonly kind: 'done'; readonly arrivals: Arrival[] };

const HOST = '127.0.0.1';
const NAP_MS = 0.05;

if (parentPort !== null) {
  try {
    // The probe's own lateness is no news about the link; this takes a right that most users lack.
    setPriority(-10);
  } catch {
    // Then more datagrams are late, and the promptest are judged as before.
  }
  serve(parentPort);
}

function serve(port: MessagePort): void {
  const receiver = createSocket('udp4');
  const sender = createSocket({ type: 'udp4', lookup: (host, _options, callback) => callback(null, host, 4) });
  let arrivals: Arrival[] = [];
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let sentMs: number[] = [];

  receiver.on('message', (data) => {
    const now = performance.now();
    const sequence = data.readUInt32BE(0);
    arrivals.push({ sequence, sentMs: sentMs[sequence] ?? NaN, receivedMs: now });
  });
  receiver.bind(0, HOST, () => {
    receiver.setRecvBufferSize(4 * 1024 * 1024);
    sender.bind(0, HOST, () => port.postMessage({ kind: 'bound', port: receiver.address().port } satisfies ProbeReply));
  });

  port.on('message', (command: ProbeCommand) => {
    arrivals = [];
    sentMs = [];
    const data = Buffer.alloc(command.bytes);
    const startMs = performance.now() + 5;
    const endMs = startMs + command.count * command.intervalMs + command.waitMs;
    const turn = (): void => {
      const now = performance.now();
      while (sentMs.length < command.count && startMs + sentMs.length * command.intervalMs <= now) {
        data.writeUInt32BE(sentMs.length, 0);
        sentMs.push(performance.now());
        // The array is copied by the system before `send` returns, as the socket's queue is empty.
        sender.send(data, command.port, HOST);
      }
      Atomics.wait(cell, 0, 0, NAP_MS);
      const over = now >= endMs || arrivals.length >= command.count;
      if (over) port.postMessage({ kind: 'done', arrivals } satisfies ProbeReply);
      else setImmediate(turn);
    };
    turn();
  });
}
