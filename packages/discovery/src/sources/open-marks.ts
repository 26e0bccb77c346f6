import { checkArgument, checkOptions, optionRules } from '@kwik/wire';
import { etcdOptions, loadEtcd, SOURCE_CREDENTIALS, type EtcdSpec, type SourceCredentials } from './etcd-entry.js';
import { anEtcdSpec } from './source-spec.js';
import type * as Marks from './etcd/drain-marks.js';

export interface DrainMarksSource {
  readonly service: string;
  readonly credentials?: SourceCredentials;
}

const RULES = optionRules.group<DrainMarksSource>({ service: optionRules.text, credentials: SOURCE_CREDENTIALS }, [
  'service',
]);

/**
 * The marks that have servers of a service drain, in the etcd that `spec` describes; whoever gets them closes them. Rejects with
 * ERR_KWIK_UNSUPPORTED where etcd3 is not installed, and with ERR_KWIK_INVALID_ARGUMENT as `openSource` throws it.
 */
export async function openDrainMarks(spec: EtcdSpec, options: DrainMarksSource): Promise<Marks.DrainMarks> {
  checkArgument('openDrainMarks', 'spec', spec, anEtcdSpec);
  checkOptions(options, { call: 'openDrainMarks', root: RULES });
  const { service, credentials = {} } = options;
  const { DrainMarks } = await loadEtcd<typeof Marks>();
  return new DrainMarks({ etcd: etcdOptions(spec, credentials), service });
}
