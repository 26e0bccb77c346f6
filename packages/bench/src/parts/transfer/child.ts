/** A server or a client of a transfer; which contender it is, it is told. */
import type { Credentials } from '../../harness/certificates.js';
import { answerParent, usage } from '../../harness/child.js';
import type { Contender, ContenderName, FetchResult, Settings } from './contender.js';

export interface ServeTask {
  readonly contender: ContenderName;
  readonly credentials: Credentials;
  readonly settings: Settings;
  /** Ports of further servers of the session. */
  readonly peers: readonly number[];
}

export interface FetchTask {
  readonly contender: ContenderName;
  readonly settings: Settings;
  readonly port: number;
  readonly caPem: string;
}

export const calls = answerParent({
  async serve({ contender, credentials, settings, peers }: ServeTask): Promise<{ port: number }> {
    return { port: await (await load(contender)).serve(credentials, settings, peers) };
  },

  async fetch({ contender, port, caPem, settings }: FetchTask): Promise<FetchResult & { cpuSeconds: number }> {
    const loaded = await load(contender);
    const before = usage();
    const result = await loaded.fetch(port, caPem, settings);
    return { ...result, cpuSeconds: usage().cpuSeconds - before.cpuSeconds };
  },
});

/** A process has only the code that it needs: what the others load costs memory and time. */
async function load(name: ContenderName): Promise<Contender> {
  switch (name) {
    case 'driver':
      return (await import('./contenders/driver.js')).driver;
    case 'threaded':
      return (await import('./contenders/threaded.js')).threaded;
    case 'minimal':
      return (await import('./contenders/minimal.js')).minimal;
    case 'classes':
      return (await import('./contenders/classes.js')).classes;
    case 'tls':
      return (await import('./contenders/tls.js')).tls;
    case 'session':
      return (await import('./contenders/session.js')).session;
    case 'watched':
      return (await import('./contenders/watched.js')).watched;
    case 'extra':
      return (await import('./contenders/session.js')).extra;
    case 'socket':
      return (await import('./contenders/socket.js')).socket;
    case 'content':
      return (await import('./contenders/content.js')).content;
  }
}
