import { setTimeout as sleep } from 'node:timers/promises';
import type { Listener, ListenOptions } from '@kwik/session';
import { reportError } from '../errors.js';
import type { Say } from '../watching/watching.js';
import { type CredentialFiles, readCredentials } from './credentials.js';

/** Two small files are read so often: that sees every change on every file system, and costs next to nothing. */
const LOOK_EVERY_MS = 5000;
/** What cannot be used may be half written, or its key still to come: it is told when it is so at so many looks in a row. */
const LOOKS_BEFORE_TOLD = 2;

type ServerCredentials = ListenOptions['credentials'];

/** How what follows from a change of the files is told. */
export interface CredentialNews {
  readonly say: Say;
  /** As `readCredentials` read it for the listener. */
  readonly shown: ServerCredentials | undefined;
  /** Default: 5,000. */
  readonly lookEveryMs?: number;
}

/**
 * Shows the listener's certificate anew whenever its files differ from what it has, `shown`, to begin with; while they cannot be
 * used, the one of before stays, and that is told once. Returns what ends it.
 */
export function followCredentials(
  listener: Pick<Listener, 'updateCredentials'>,
  files: CredentialFiles,
  news: CredentialNews,
): () => void {
  const ending = new AbortController();
  if (news.shown !== undefined) void follow(listener, files, { ...news, signal: ending.signal });
  return () => ending.abort();
}

/** Until `signal` is aborted; never rejects. */
async function follow(
  listener: Pick<Listener, 'updateCredentials'>,
  files: CredentialFiles,
  { say, shown: first, lookEveryMs = LOOK_EVERY_MS, signal }: CredentialNews & { readonly signal: AbortSignal },
): Promise<void> {
  const { ca: _ca, ...own } = files;
  let shown = first;
  let failure = { text: '', looks: 0 };
  for (;;) {
    await sleep(lookEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
    try {
      const { credentials } = await readCredentials(own);
      if (signal.aborted) return;
      if (credentials !== undefined && (credentials.cert !== shown?.cert || credentials.key !== shown.key)) {
        listener.updateCredentials(credentials);
        shown = credentials;
        say({ event: 'certificate-renewed' }, 'the certificate is renewed');
      }
      failure = { text: '', looks: 0 };
    } catch (error) {
      if (signal.aborted) return;
      const { code, message } = reportError(error);
      failure = { text: message, looks: message === failure.text ? failure.looks + 1 : 1 };
      if (failure.looks !== LOOKS_BEFORE_TOLD) continue;
      const line = `the certificate is not renewed, the one of before stays: ${message}`;
      say({ event: 'certificate-failed', code, message }, line);
    }
  }
}
