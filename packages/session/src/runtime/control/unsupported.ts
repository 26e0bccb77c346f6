import { errorToDetail, type KcpBody } from '@kwik/kcp';
import { KwikError } from '@kwik/wire';
import type { PathRuntime } from '../paths/path-runtime.js';

/** Requests that this end does not serve: told so at once, where silence would cost the asker its deadline. */
const REQUESTS: ReadonlySet<KcpBody['$case']> = new Set([
  'listPaths',
  'rawPacket',
  'contributionGrant',
  'scaleRequest',
  'serverQuery',
  'addPath',
  'removePath',
]);

/** Answers what this end does not do; notices of no use here are passed over. */
export function unsupported(path: PathRuntime, id: bigint, body: KcpBody): void {
  if (!REQUESTS.has(body.$case)) return;
  const error = new KwikError('ERR_KWIK_UNSUPPORTED', `${body.$case} is not served here`);
  path.reply(id, { $case: 'error', value: errorToDetail(error) });
}
