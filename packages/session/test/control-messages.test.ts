import { describe, expect, test } from '@jest/globals';
import { CONTROL_MESSAGES, deriveSessionKeys, Ed25519Signer, maySend, type KcpBody } from '@kwik/kcp';
import { createScheduler } from '@kwik/scheduler';
import { VirtualClock } from '@kwik/testbed';
import { sessionIdFromBytes, toPathId } from '@kwik/wire';
import { clientFeatures } from '../src/client/client-features.js';
import { UserCallbacks } from '../src/runtime/host/user-callbacks.js';
import { ScalingMemory } from '../src/server/scaling/scaling-memory.js';
import { resolveLimits } from '../src/limits.js';
import { ControlDispatch } from '../src/runtime/features/control-dispatch.js';
import type { SessionContext } from '../src/runtime/features/session-context.js';
import { NODE_NATIVES } from '../src/runtime/host/node-natives.js';
import { newHost } from '../src/runtime/host/session-host.js';
import { SessionEngine, type Composition } from '../src/runtime/session/engine.js';
import { primaryFeatures, secondaryFeatures } from '../src/server/server-features.js';

type Kind = KcpBody['$case'];
type Role = 'client' | 'primary' | 'secondary';

const KINDS = Object.keys(CONTROL_MESSAGES) as Kind[];
const SESSION_ID = sessionIdFromBytes(new Uint8Array(16).fill(1));
const never = (): never => {
  throw new TypeError('nothing is asked of it');
};

const COMPOSE: Readonly<Record<Role, (session: SessionContext) => Composition>> = {
  client: (session) =>
    clientFeatures(session, {
      limits: resolveLimits(undefined),
      wallClockMs: () => 0,
      primaryPaths: { recoveryMs: 0, random: () => 0, join: never },
      joinPath: never,
      failover: { join: never, establish: never },
      relays: { random: () => 0, primary: '', reach: never, join: never },
    }),
  primary: (session) =>
    primaryFeatures(session, {
      sessionId: SESSION_ID,
      keys: deriveSessionKeys(SESSION_ID, new Uint8Array(32)),
      signer: Ed25519Signer.fromSeed(new Uint8Array(32)),
      trail: { record: () => undefined },
      wallClockMs: () => 0,
      random: () => 0,
      recoveryMs: 0,
      maxRawPacketBytes: 1000,
      anchors: () => [],
      memory: new ScalingMemory({}, new UserCallbacks(), 0),
    }),
  secondary: (session) =>
    secondaryFeatures(session, {
      content: {
        sessionId: SESSION_ID,
        wallClockMs: () => 0,
        replica: () => Promise.resolve(undefined),
        opensOnRequest: true,
      },
      raw: { maxPacketBytes: 1000, permitted: false },
    }),
};

/** What is done with messages at one end. */
function dispatchOf(role: Role): ControlDispatch {
  const { streamWindowBytes, pathWindowBytes, sendBufferBytes, maxStreams } = resolveLimits(undefined);
  const windows = { streamWindowBytes, pathWindowBytes, sendBufferBytes, maxStreams };
  const engine = new SessionEngine(
    {
      plane: { role, ...windows, maxPacketBytes: 65_536, natives: NODE_NATIVES },
      sending: { routing: 'primary', scheduler: createScheduler() },
      clock: new VirtualClock(),
      host: newHost(),
      sessionId: SESSION_ID,
    },
    COMPOSE[role],
  );
  return new ControlDispatch(role === 'client' ? 'client' : 'server', engine.parts.features);
}

const pathTo = (who: Role) => ({ primary: who === 'primary', id: toPathId(3), address: '192.0.2.3:4433' });

describe.each([
  {
    role: 'client',
    from: 'primary',
    handled: [
      'addPath capacityReport close contentDigests contentEnd contentStart contributionGrant healthReport listPaths',
      'ping rangeRefused rawPacket relayNotice removePath standby streamOpened',
    ],
    unsupported: 'scaleRequest serverQuery',
    ignored: 'error keyUpdate pong relayOpened scaleResult serverAnnouncement serverList',
  },
  {
    role: 'client',
    from: 'secondary',
    // Of a report of a secondary nothing follows.
    handled: ['capacityReport close healthReport ping rangeRefused rawPacket relayNotice'],
    unsupported: '',
    ignored: 'error keyUpdate pong relayOpened serverAnnouncement',
  },
  {
    role: 'primary',
    from: 'client',
    handled: [
      'close contentEnd contentProgress contentResume healthReport pathStatus ping rangeCancel rangeRequest relayNotice',
      'serverUntrusted streamOpened',
    ],
    unsupported: 'relayOpen scaleRequest serverQuery',
    ignored:
      'addPathResult capacityReport contributionGrantResult error keyUpdate pathDead pathList pong ' +
      'rawPacketResult relayClose removePathResult scaleResult serverAnnouncement serverList',
  },
  {
    role: 'secondary',
    from: 'client',
    handled: ['close contentEnd pathStatus ping rangeCancel rangeRequest'],
    unsupported: 'relayOpen scaleRequest serverQuery',
    ignored:
      'addPathResult capacityReport contentProgress contentResume contributionGrantResult error healthReport keyUpdate pathDead ' +
      'pathList pong rawPacketResult relayClose relayNotice removePathResult scaleResult serverAnnouncement serverList ' +
      'serverUntrusted streamOpened',
  },
] as const)('what a $role does with what a $from sends', ({ role, from, handled, unsupported, ignored }) => {
  const dispatch = dispatchOf(role);
  const path = pathTo(from);

  test('each kind is handled, answered as unsupported, or passed over', () => {
    const allowed = KINDS.filter((kind) => maySend(from, kind)).sort();
    const those = (what: string): string => allowed.filter((kind) => dispatch.verdict(path, kind) === what).join(' ');
    expect([those('handled'), those('unsupported'), those('ignored')]).toEqual([
      handled.join(' '),
      unsupported,
      ignored,
    ]);
  });

  test('everything else ends the path', () => {
    for (const kind of KINDS.filter((one) => !maySend(from, one))) {
      expect(() => dispatch.verdict(path, kind)).toThrow(
        expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' }),
      );
    }
  });
});

test('the refusal says who may send it, and who did', () => {
  expect(() => dispatchOf('client').verdict(pathTo('secondary'), 'addPath')).toThrow(
    'only the primary sends a client addPath, and 192.0.2.3:4433 sent one on path 3',
  );
  expect(() => dispatchOf('secondary').verdict(pathTo('client'), 'addPath')).toThrow(
    'no client sends a server addPath, and 192.0.2.3:4433 sent one on path 3',
  );
});
