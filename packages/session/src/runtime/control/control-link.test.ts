import { expect, it } from '@jest/globals';
import { ControlChannel } from '@kwik/kcp';
import { VirtualClock } from '@kwik/testbed';
import { KwikError, type TransportStream } from '@kwik/wire';
import { ControlLink } from './control-link.js';

it('a stream that takes nothing any more ends the path, and throws at nobody (sim, seed 1409)', () => {
  const stream = {
    attach: () => undefined,
    write: () => {
      throw new KwikError('ERR_KWIK_INVALID_STATE', 'the stream is not open for writing');
    },
  } as unknown as TransportStream;
  const channel = new ControlChannel();
  const failures: KwikError[] = [];
  const owner = { onControlEvent: () => undefined, onControlFailure: (error: KwikError) => failures.push(error) };
  const link = new ControlLink(stream, channel, new VirtualClock(), owner);
  channel.send({ $case: 'ping', value: { sequence: 1n, padding: new Uint8Array(0) } }, 0);
  link.flush();
  link.flush();
  expect(failures).toMatchObject([{ code: 'ERR_KWIK_INVALID_STATE' }]);
});
