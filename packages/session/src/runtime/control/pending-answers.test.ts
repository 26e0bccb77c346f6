import { expect, test } from '@jest/globals';
import { errorToDetail, type KcpBody } from '@kwik/kcp';
import { KwikError } from '@kwik/wire';
import { PendingAnswers } from './pending-answers.js';

const PONG: KcpBody = { $case: 'pong', value: { sequence: 1n, clockMs: 0n } };
const codeOf = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => undefined,
    (error: unknown) => (error as KwikError).code,
  );

test('each request gets its own answer, or the reason why there is none', async () => {
  const pending = new PendingAnswers('192.0.2.1:1');
  const [answered, refused, dead, late, lost] = [1n, 2n, 3n, 4n, 5n].map((id) => pending.to(id)) as [
    Promise<KcpBody>,
    Promise<KcpBody>,
    Promise<KcpBody>,
    Promise<KcpBody>,
    Promise<KcpBody>,
  ];
  const outcomes = Promise.all([answered, codeOf(refused), codeOf(dead), codeOf(late), codeOf(lost)]);
  const response = (requestId: bigint, body: KcpBody): void =>
    pending.handle({ kind: 'response', requestId, body, elapsedMs: 1 });
  response(1n, PONG);
  response(2n, { $case: 'error', value: errorToDetail(new KwikError('ERR_KWIK_PERMISSION_DENIED')) });
  response(3n, { $case: 'pathDead', value: { pathId: 7, reason: 'removed', deadSinceMs: 0n } });
  pending.handle({ kind: 'timeout', requestId: 4n, request: 'ping' });
  pending.failAll(new KwikError('ERR_KWIK_PATH_DEAD'));
  // Answered already, or never asked.
  response(1n, PONG);
  response(99n, PONG);
  expect(await outcomes).toEqual([
    PONG,
    'ERR_KWIK_PERMISSION_DENIED',
    'ERR_KWIK_PATH_DEAD',
    'ERR_KWIK_TIMEOUT',
    'ERR_KWIK_PATH_DEAD',
  ]);
});
