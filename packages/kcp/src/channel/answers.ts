import type { KcpBody } from './kcp-body.js';

type Kind = KcpBody['$case'];

/** What may answer a request of a kind, beside `error` and `pathDead`, which may answer any. */
const ANSWERS: Partial<Record<Kind, readonly Kind[]>> = {
  clientHello: ['serverHello', 'authChallenge'],
  authResponse: ['serverHello', 'authChallenge'],
  authChallenge: ['authResponse'],
  ping: ['pong'],
  addPath: ['addPathResult'],
  removePath: ['removePathResult'],
  listPaths: ['pathList'],
  rawPacket: ['rawPacketResult'],
  contributionGrant: ['contributionGrantResult'],
  serverQuery: ['serverList'],
  scaleRequest: ['scaleResult'],
};

/** Whether a peer may answer a `request` with an `answer`. Kinds without an entry take any answer. */
export function answers(request: Kind, answer: Kind): boolean {
  if (answer === 'error' || answer === 'pathDead') return true;
  return ANSWERS[request]?.includes(answer) ?? true;
}
