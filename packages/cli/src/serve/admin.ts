import { processDiagnostics } from '@kwik/session';
import { Telemetry } from '@kwik/telemetry';
import { parseHostPort } from '../address.js';
import type { CliIo } from '../io.js';
import { readCredentials, type CredentialFiles } from './credentials.js';
import type { ServeLog } from './serve-log.js';

/** Where a token stands that other users of the machine must not see among the arguments. */
const TOKEN_VARIABLE = 'KWIK_ADMIN_TOKEN';

export interface AdminFlags extends CredentialFiles {
  readonly admin?: string;
}

export interface AdminPage {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the operator's page when it was asked for. Rejects when it cannot be, before anybody relies on it. */
export async function startAdmin(
  options: AdminFlags,
  io: Pick<CliIo, 'env'>,
  log: ServeLog,
): Promise<AdminPage | undefined> {
  if (options.admin === undefined) return undefined;
  const { host, port } = parseHostPort(options.admin, { allowZero: true });
  const telemetry = new Telemetry({
    counters: processDiagnostics().counters,
    onAlert: ({ change, alert }) => log.alert(change, alert.title, alert.now),
  });
  try {
    const { credentials } = await readCredentials(options);
    const token = io.env[TOKEN_VARIABLE];
    const admin = await telemetry.admin({
      host,
      port,
      ...(credentials !== undefined && { tls: credentials }),
      ...(token !== undefined && { token }),
    });
    const close = async (): Promise<void> => {
      await admin.close();
      telemetry[Symbol.dispose]();
    };
    return { url: admin.url, close };
  } catch (error) {
    telemetry[Symbol.dispose]();
    throw error;
  }
}
