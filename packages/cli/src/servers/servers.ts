import type { ServiceDirectory } from '@kwik/discovery';
import type { SelectionRequest, ServerCapability } from '@kwik/wire';
import { pause } from '../abortable.js';
import { openDiscovery, type DiscoverFlags } from '../discovery/discover.js';
import { usageError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { Screen } from '../ui/screen.js';
import { styleFor } from '../ui/style.js';
import { jsonLine } from '../ui/text.js';
import { surveyOf, surveyLines, type Survey } from './survey.js';

export interface ServersOptions extends DiscoverFlags {
  readonly capability: readonly string[];
  readonly tag: readonly string[];
  readonly region?: string;
  readonly zone?: string;
  readonly count: number;
  readonly watch: boolean;
  readonly json: boolean;
}

/** Sources that have said nothing by then are shown as such. */
const FIRST_ANSWERS_MS = 2000;
const LOOK_EVERY_MS = 20;
/** Changes that come within so long are shown together. */
const TOGETHER_MS = 200;
const HOLD_MS = 2 ** 30;

/** `kwik servers`: what discovery knows of a service, and what a client here would choose. */
export async function runServers(name: string, options: ServersOptions, io: CliIo): Promise<ExitCode> {
  const { region, zone } = options;
  const discovery = await openDiscovery(options, io, { region, zone });
  if (discovery === undefined) throw usageError('no source of servers is named: give --discover SOURCE');
  const stopped = new AbortController();
  const release = io.onInterrupt(() => stopped.abort());
  try {
    const directory = discovery.service(name);
    await firstAnswers(directory, FIRST_ANSWERS_MS, stopped.signal);
    const survey = (): Survey => surveyOf(directory, requestOf(options), Date.now());
    if (!options.watch) {
      const found = survey();
      io.stdout.print(options.json ? `${jsonLine(found)}\n` : `${surveyLines(found).join('\n')}\n`);
      return found.servers.some(({ chosen }) => chosen) ? EXIT.ok : EXIT.notFound;
    }
    await watch(directory, survey, { options, io, signal: stopped.signal });
    return EXIT.ok;
  } finally {
    release();
    discovery.close();
  }
}

function requestOf({ capability, tag, count }: ServersOptions): SelectionRequest {
  const capabilities = (capability.length === 0 ? ['primary'] : capability) as ServerCapability[];
  return { capabilities, tags: tag, count };
}

/** Until each source has answered or failed, or so many milliseconds are over. */
export async function firstAnswers(directory: ServiceDirectory, withinMs: number, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  while (directory.sources.some(({ state }) => state === 'waiting') && !late.aborted) {
    await pause(LOOK_EVERY_MS, late).catch(() => undefined);
  }
}

interface Watching {
  readonly options: ServersOptions;
  readonly io: CliIo;
  readonly signal: AbortSignal;
}

async function watch(
  directory: ServiceDirectory,
  survey: () => Survey,
  { options, io, signal }: Watching,
): Promise<void> {
  const style = styleFor(io.stdout, io.env);
  const screen = new Screen(io.stdout, style);
  let wake = (): void => undefined;
  let shown = '';
  // Sources hold no process, and this is to go on until it is stopped.
  const hold = setInterval(() => undefined, HOLD_MS);
  const unlisten = directory.onChange(() => wake());
  signal.addEventListener('abort', () => wake(), { once: true });
  try {
    while (!signal.aborted) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const found = survey();
      const text = changeOf(found);
      if (text !== shown) {
        shown = text;
        if (options.json) io.stdout.print(`${jsonLine(found)}\n`);
        else if (style.live) screen.draw(surveyLines(found));
        else io.stdout.print(`${surveyLines(found).join('\n')}\n\n`);
      }
      await changed;
      await pause(TOGETHER_MS, signal).catch(() => undefined);
    }
  } finally {
    unlisten();
    clearInterval(hold);
    screen.finish();
  }
}

/** What makes one picture another: not how old its facts are, nor which of two equals chance preferred. */
function changeOf({ servers, sources }: Survey): string {
  return JSON.stringify([
    servers.map(({ reason: _reason, chosen: _chosen, facts: _facts, ...server }) => server).sort(byServer),
    sources.map(({ name, state, servers: count, failure }) => [name, state, count, failure]),
  ]);
}

function byServer(a: { readonly server: string }, b: { readonly server: string }): number {
  return a.server < b.server ? -1 : Number(a.server > b.server);
}
