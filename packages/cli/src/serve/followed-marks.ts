import type { EtcdSpec, SourceCredentials } from '@kwik/discovery';
import type { DrainMark, DrainMarks } from '@kwik/discovery/etcd';
import type { SourceSpec } from '@kwik/discovery/source-spec';
import type { ServerRecord } from '@kwik/wire';
import type { ServeLog } from './serve-log.js';

interface FollowedService {
  readonly service: string;
  readonly credentials?: SourceCredentials;
}

type OpenedMarks = Pick<DrainMarks, 'watch' | 'close'>;

export interface FollowedMarksOptions {
  /** By what it is announced. */
  readonly server: Pick<ServerRecord, 'serverId' | 'addresses'>;
  readonly log: Pick<ServeLog, 'announceFailed' | 'draining'>;
  /** An operator has the server drain, or takes that back. */
  readonly onDrain: (isDraining: boolean) => void;
  readonly open?: (spec: EtcdSpec, how: FollowedService) => Promise<OpenedMarks>;
}

/** Obeys `kwik fleet drain`: a mark in any etcd where this server announces itself. */
export class FollowedMarks {
  readonly #options: FollowedMarksOptions;
  readonly #open: OpenedMarks[] = [];
  readonly #set = new Map<string, DrainMark>();
  /** Of each etcd of which nothing is known yet: when something is. */
  readonly #unread = new Map<string, { readonly read: Promise<void>; readonly known: () => void }>();

  constructor(options: FollowedMarksOptions) {
    this.#options = options;
  }

  /** Resolves when it is known whether there is a mark, or etcd cannot be asked. */
  async follow(spec: SourceSpec, how: FollowedService): Promise<void> {
    if (spec.kind !== 'etcd') return;
    const { server, log, open = openMarks } = this.#options;
    const { text } = spec;
    const marks = await open(spec, how);
    this.#open.push(marks);
    let known = (): void => undefined;
    const read = new Promise<void>((resolve) => (known = resolve));
    this.#unread.set(text, { read, known });
    await marks.watch(
      server.serverId === '' ? (server.addresses[0] ?? '') : server.serverId,
      (mark) => this.#take(text, mark),
      (error) => log.announceFailed(text, error),
    );
  }

  /** Resolves when it is known whether there is a mark in that etcd; undefined: it is, or there are none. */
  unread({ text }: SourceSpec): Promise<void> | undefined {
    return this.#unread.get(text)?.read;
  }

  close(): void {
    for (const marks of this.#open) marks.close();
  }

  #take(where: string, mark: DrainMark | undefined): void {
    const wasSet = this.#set.size > 0;
    if (mark === undefined) this.#set.delete(where);
    else this.#set.set(where, mark);
    const isSet = this.#set.size > 0;
    if (isSet !== wasSet) {
      this.#options.log.draining(isSet, mark ?? { by: '', reason: '' });
      this.#options.onDrain(isSet);
    }
    this.#unread.get(where)?.known();
    this.#unread.delete(where);
  }
}

async function openMarks(spec: EtcdSpec, how: FollowedService): Promise<OpenedMarks> {
  const { openDrainMarks } = await import('@kwik/discovery');
  return openDrainMarks(spec, how);
}
