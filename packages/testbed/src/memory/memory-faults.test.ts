import { describe, expect, test } from '@jest/globals';

import { ProcessClock } from '../clock/process-clock.js';
import { VirtualClock } from '../clock/virtual-clock.js';
import { RecordingSide, writeAll, type RecordingStream } from '../contract/recording-handlers.js';
import { MemoryNetwork } from './memory-network.js';

const SERVER = '10.0.0.1:443';

function world() {
  const clock = new VirtualClock();
  const processes = new Map<string, ProcessClock>([['10.0.0.1', new ProcessClock(clock, { offsetMs: 1e6 })]]);
  const net = new MemoryNetwork({ clock, link: { both: { delayMs: 10 } }, process: (host) => processes.get(host) });
  let server!: RecordingSide;
  let client!: RecordingSide;
  net.listen(SERVER, (transport) => (server = new RecordingSide(transport).attach()));
  net.connect(
    { to: SERVER },
    {
      onConnected: (transport) => (client = new RecordingSide(transport).attach()),
      onFailed: (error) => {
        throw error;
      },
    },
  );
  clock.runUntil(() => server !== undefined && client !== undefined);
  return { clock, net, link: net.link(SERVER), server, client, process: processes.get('10.0.0.1')! };
}

function send(from: RecordingSide, text: string): RecordingStream {
  const stream = from.open(true)!;
  writeAll(stream, Buffer.from(text));
  return stream;
}

function received(side: RecordingSide, sent: RecordingStream): string | undefined {
  const stream = side.streams.get(sent.stream.id);
  return stream === undefined ? undefined : Buffer.from(stream.data).toString();
}

describe('faults below the streams', () => {
  test('a stalled direction gives everything at once when it goes on; the other one is not touched', () => {
    const { clock, link, server, client } = world();
    link.stall('up');
    const up = send(client, 'late');
    const down = send(server, 'in time');
    clock.advanceBy(100);
    expect(received(server, up)).toBeUndefined();
    expect(received(client, down)).toBe('in time');
    link.resume('up');
    clock.advanceBy(0);
    expect(received(server, up)).toBe('late');
  });

  test('held streams deliver nothing, others overtake them, and nothing is lost', () => {
    const { clock, link, server, client } = world();
    const first = send(client, 'first');
    const second = send(client, 'second');
    link.holdStreams((id, receiver) => receiver === 'server' && id === first.stream.id);
    clock.advanceBy(100);
    expect(received(server, first)).toBeUndefined();
    expect(received(server, second)).toBe('second');
    link.holdStreams(undefined);
    clock.advanceBy(0);
    expect(received(server, first)).toBe('first');
  });

  test('a process that sleeps hears nothing and says nothing, and catches up', () => {
    const { clock, server, client, process } = world();
    process.sleep(500);
    const up = send(client, 'to the sleeper');
    clock.advanceBy(400);
    expect(received(server, up)).toBeUndefined();
    clock.advanceBy(101);
    expect(received(server, up)).toBe('to the sleeper');
  });
});
