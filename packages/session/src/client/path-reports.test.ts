import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { KwikError } from '@kwik/wire';
import type { CloseInfo } from '../api/session.js';
import { UserCallbacks } from '../runtime/host/user-callbacks.js';
import { PathRegistry } from '../runtime/paths/path-registry.js';
import { FakePath } from '../test-support/fake-path.js';
import { PathReports } from './path-reports.js';

function setUp() {
  const primary = new FakePath(0);
  const other = new FakePath(1);
  const paths = new PathRegistry<FakePath>(new VirtualClock(), new UserCallbacks());
  for (const path of [primary, other]) paths.add(path);
  const session = {
    paths,
    controlPath: primary as FakePath | undefined,
    closeInfo: undefined as CloseInfo | undefined,
  };
  const reports = new PathReports(session);
  const die = (path: FakePath, code: ConstructorParameters<typeof KwikError>[0]): void => {
    path.die(new KwikError(code, 'why'));
    paths.remove(path);
    reports.onPathDead(path);
  };
  return { primary, other, session, reports, die };
}

describe('what the primary hears of paths to other servers', () => {
  test('is their state when it changes, and nothing of its own path or of pauses in a flow', () => {
    const { primary, other, reports } = setUp();
    reports.onPathHealth(other, 'flow');
    reports.onPathHealth(primary, 'state');
    expect(primary.sent).toEqual([]);
    reports.onPathHealth(other, 'state');
    expect(primary.sent).toEqual(['pathStatus']);
  });

  test.each([
    ['ERR_KWIK_PATH_DEAD', ['pathStatus']],
    ['ERR_KWIK_PROTOCOL_VIOLATION', ['serverUntrusted', 'pathStatus']],
    // Of wrong content it has heard with its block.
    ['ERR_KWIK_SERVER_UNTRUSTED', ['pathStatus']],
  ] as const)('is their death by %s', (code, told) => {
    const { primary, other, die } = setUp();
    die(other, code);
    expect(primary.sent).toEqual(told);
  });

  test('is said when it is back, of those as well that died while it was away', () => {
    const { primary, other, session, reports, die } = setUp();
    session.controlPath = undefined;
    die(other, 'ERR_KWIK_PATH_DEAD');
    expect(primary.sent).toEqual([]);
    session.controlPath = primary;
    reports.onPathUp(primary);
    expect(primary.sent).toEqual(['pathStatus']);
  });

  test('is nothing any more when the session has ended', () => {
    const { primary, other, session, reports } = setUp();
    session.closeInfo = { by: 'local', code: 0, reason: '' };
    reports.onPathHealth(other, 'state');
    expect(primary.sent).toEqual([]);
  });
});
