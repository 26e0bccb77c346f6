import { KwikError, optionRules } from '@kwik/wire';
import { Etcd3, type IKeyValue, type IOptions } from 'etcd3';
import { systemClock } from '../system-clock.js';
import { delay } from '../waiting.js';

/** Below it stand the services, and below each of them its servers. */
export const PREFIX = 'kwik/v1/services';
export const MAX_SERVERS = 16_384;
/** For one call of etcd, which has no deadline of its own: a partition would hold it for minutes. */
const CALL_MS = 5000;
/** A watch that says nothing may be dead: all is read again so often. */
export const READ_AGAIN_MS = 20_000;

/** etcd3 says the rest of what it takes. */
export const etcdHosts = optionRules.value('options of etcd3, with hosts', (given) => {
  const { hosts } = (given ?? {}) as { readonly hosts?: unknown };
  return optionRules.either(optionRules.text, optionRules.listOf(optionRules.text)).accepts(hosts);
});

export function clientOf(options: IOptions): Etcd3 {
  return new Etcd3({ dialTimeout: CALL_MS, ...options });
}

/** Options of one call. */
export function within(): { deadline: Date } {
  return { deadline: new Date(Date.now() + CALL_MS) };
}

/** What stands below `prefix` (16,384 keys at the most), and as of which revision. */
export async function readKeys(client: Etcd3, prefix: string): Promise<{ keys: IKeyValue[]; revision: string }> {
  const { kvs, header } = await client.getAll().prefix(prefix).limit(MAX_SERVERS).options(within()).exec();
  return { keys: kvs, revision: header.revision };
}

/** Resolves at a change after `revision`, when the watch is over for whatever reason, or when all is due to be read again. */
export async function firstChange(client: Etcd3, prefix: string, revision: string, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const watcher = client
    .watch()
    .prefix(prefix)
    .startRevision(String(BigInt(revision) + 1n))
    .watcher();
  watcher
    .on('data', () => over.abort())
    .on('error', () => over.abort())
    .on('end', () => over.abort())
    .on('disconnected', () => over.abort());
  await delay(systemClock(), READ_AGAIN_MS, either);
  await Promise.race([watcher.cancel().catch(() => undefined), delay(systemClock(), CALL_MS, signal)]);
}

/** An error of one of our own classes, which says which etcd it is; a reason of etcd3's stands behind that. */
export function etcdError({ hosts }: Pick<IOptions, 'hosts'>, cause: unknown): KwikError {
  const where = `etcd at ${[hosts].flat().join(', ')}`;
  if (cause instanceof KwikError) {
    return cause.code === 'ERR_KWIK_TIMEOUT'
      ? new KwikError(cause.code, `${where} did not answer in ${CALL_MS} ms`)
      : cause;
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  const code = /unauthenticated|permission|auth/iu.test(why) ? 'ERR_KWIK_AUTH_FAILED' : 'ERR_KWIK_CONNECT_FAILED';
  return new KwikError(code, `${where}: ${why}`, { cause });
}

/** etcd3 tries for longer than its deadlines say while it connects. */
export async function withDeadline<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => undefined);
  const late = delay(systemClock(), CALL_MS, signal).then(() => {
    throw new KwikError('ERR_KWIK_TIMEOUT', `etcd did not answer in ${CALL_MS} ms`);
  });
  return Promise.race([promise, late]);
}
