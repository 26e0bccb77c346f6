/** A relay: an endpoint that forwards the datagrams of one connection, and does nothing else. */
import { Allowance, Endpoint } from '@kwik/quic';
import { answerParent } from '../harness/child.js';

export interface RelayTask {
  readonly targetPort: number;
  readonly clientPort: number;
  readonly connectionId: Uint8Array;
}

/** More than a run needs: nothing is to be refused. */
const PLENTY = { bytes: 1e15, bytesPerSecond: 1e12 };

export const calls = answerParent(relayCalls());

function relayCalls() {
  let endpoint: Endpoint | undefined;
  return {
    async relay({ targetPort, clientPort, connectionId }: RelayTask): Promise<{ port: number }> {
      endpoint = await Endpoint.bind();
      endpoint.forward({
        clientId: connectionId,
        client: { remote: { address: '127.0.0.1', port: clientPort } },
        anchor: { address: '127.0.0.1', port: targetPort },
        allowance: new Allowance(PLENTY, performance.now()),
      });
      return { port: endpoint.address().port };
    },

    forwarded(): { datagrams: number; bytes: number } {
      const { forwardedDatagrams = 0, forwardedBytes = 0 } = endpoint?.stats() ?? {};
      return { datagrams: forwardedDatagrams, bytes: forwardedBytes };
    },
  };
}
