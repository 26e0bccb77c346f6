import { etcdOptions, loadEtcd, type EtcdSpec, type SourceCredentials } from './etcd-entry.js';
import type * as Marks from './etcd/drain-marks.js';

export interface DrainMarksSource {
  readonly service: string;
  readonly credentials?: SourceCredentials;
}

/**
 * The marks that have servers of a service drain, in the etcd that `spec` describes; whoever gets them closes them. Rejects with
 * ERR_KWIK_UNSUPPORTED where etcd3 is not installed, and with ERR_KWIK_INVALID_ARGUMENT as `openSource` throws it.
 */
export async function openDrainMarks(
  spec: EtcdSpec,
  { service, credentials = {} }: DrainMarksSource,
): Promise<Marks.DrainMarks> {
  const { DrainMarks } = await loadEtcd<typeof Marks>();
  return new DrainMarks({ etcd: etcdOptions(spec, credentials), service });
}
