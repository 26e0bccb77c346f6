import type { SourceCredentials } from './etcd-entry.js';

const SOURCES = 'KWIK_DISCOVER';
const TOKEN = 'KWIK_REGISTRY_TOKEN';
const USER = 'KWIK_ETCD_USER';
const PASSWORD = 'KWIK_ETCD_PASSWORD';

type Environment = Readonly<Record<string, string | undefined>>;

/** The sources in `KWIK_DISCOVER`, which stand with spaces between them, as `parseSource` reads each. */
export function sourcesOfEnvironment(env: Environment): readonly string[] {
  return (env[SOURCES] ?? '').split(/\s+/).filter((text) => text !== '');
}

/** `KWIK_REGISTRY_TOKEN`, `KWIK_ETCD_USER` and `KWIK_ETCD_PASSWORD`: secrets, which arguments would show to other users. */
export function credentialsOfEnvironment(env: Environment): SourceCredentials {
  const said = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const [token, user, password] = [said(TOKEN), said(USER), said(PASSWORD)];
  return {
    ...(token !== undefined && { token }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
  };
}
