import { randomBytes } from 'node:crypto';
import { systemClock } from '@kwik/quic';
import type { CheckStandbyOptions, StandbyCheck, StandbyServer } from '../../api/takeover.js';
import { connectorFor } from '../../client/dial.js';
import { QuicConnector } from '../../client/connector.js';
import { checkStandbyCheck } from '../../options/call-rules.js';
import { askStandby } from './ask-standby.js';
import { resolveTakeover } from './resolve-takeover.js';

/**
 * Asks a server whether it could take over sessions that are sealed by the first of these fleet keys; no session begins there. What it
 * answers is believed without a certificate, so it is good for no more than to choose among servers. Rejects with
 * ERR_KWIK_INVALID_ARGUMENT for what cannot be.
 */
export async function checkStandby(server: StandbyServer, options: CheckStandbyOptions): Promise<StandbyCheck> {
  checkStandbyCheck(options);
  const { runtime } = options;
  const { tickets, lifeMs } = resolveTakeover(options);
  const dialling = runtime === undefined ? {} : { runtime };
  return askStandby(server, {
    tickets,
    lifeMs,
    connector: connectorFor(dialling, () => new QuicConnector(dialling, undefined, { unverified: true })),
    clock: runtime?.clock ?? systemClock(),
    wallClockMs: runtime?.wallClockMs ?? (() => Date.now()),
    signal: options.signal,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
  });
}
