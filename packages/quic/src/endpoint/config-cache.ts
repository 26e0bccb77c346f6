import { createHash } from 'node:crypto';
import type { BackendConfig } from '../backends/backend.js';
import { Recent } from '../tls/recent.js';

/** Configurations kept: each holds parsed certificates. */
const MAX_CONFIGS = 32;

/** TLS configurations of dials that look the same, so that certificates are parsed once. Oldest out first. */
export class ConfigCache {
  private readonly configs = new Recent<BackendConfig>(MAX_CONFIGS);

  /** `parts` is everything that `create` depends on. Only a hash is kept: there may be a private key among it. */
  get(parts: readonly unknown[], create: () => BackendConfig): BackendConfig {
    const key = createHash('sha256').update(JSON.stringify(parts)).digest('base64');
    return this.configs.get(key, create);
  }
}
