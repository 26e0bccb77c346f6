import { createDiscovery, makeRecord, ServerRegistry, type DiscoverySource } from '@kwik/discovery';
import type { DiscoverySnapshot, ServerQuery } from '@kwik/wire';
import { callRates } from '../harness/rate.js';
import { median, spread } from '../harness/stats.js';
import type { Part, PartContext, PartResult, Row } from '../part.js';

const SERVERS = 10_000;
const MEASURE_MS = 300;
const QUICK_MS = 40;
const REGIONS = 20;
const ZONES = 100;
const SOURCE = 'bench';
/** As many as a client deals with. */
const FEW = 16;
/** What the registry of 10,000 servers answers, and what it costs to keep. */
export const discovery: Part = {
  name: 'discovery',
  about: 'a registry of 10,000 servers: finding one, searching, a change, a list that says the same, a choice',
  run: measure,
};

async function measure(context: PartContext): Promise<PartResult> {
  const snapshot = servers(0);
  const registry = new ServerRegistry([SOURCE]);
  registry.apply(SOURCE, snapshot, 0);
  const source: DiscoverySource = {
    name: SOURCE,
    async *watch(signal) {
      yield snapshot;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  };
  using all = createDiscovery({ sources: [source], policy: { region: 'region-1', zone: 'zone-1' } });
  const directory = all.service('films');
  await directory.select({ count: 1 });
  let turn = 0;
  const next = (): number => (turn = (turn + 7919) % SERVERS);
  const query: ServerQuery = { capabilities: ['replica'], region: 'region-3', tags: ['tag-3'], maxLoad: 0.5 };
  const [one, other] = [servers(1), snapshot];
  const rows = [
    row('find by id', context, () => registry.get(`server-${next()}`), { atMost: 10 }),
    row('find by address', context, () => registry.get(addressOf(next())), { atMost: 10 }),
    row('search, 16 of those that suit', context, () => registry.search(query, FEW), { atMost: 100 }),
    row('search, none suits', context, () => registry.search({ region: 'nowhere' }, FEW), { atMost: 10 }),
    row('a heartbeat', context, () => registry.heartbeat(`server-${next()}`, beat(turn), 1), { atMost: 100 }),
    row('a list that says the same', context, () => registry.apply(SOURCE, snapshot, 1)),
    row('a list with one other server', context, () => registry.apply(SOURCE, turn++ % 2 === 0 ? one : other, 1)),
    row('a choice of 4 among all', context, () => directory.selectNow({ count: 4, capabilities: ['primary'] })),
  ];
  return { rows: rows.flat() };
}

function row(name: string, context: PartContext, work: () => void, target?: { readonly atMost: number }): Row[] {
  if (!context.wanted(name)) return [];
  const micros: number[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    const [rate = NaN] = callRates([work], context.quick ? QUICK_MS : MEASURE_MS);
    micros.push(1e6 / rate);
  }
  return [
    {
      name,
      value: median(micros),
      unit: 'µs',
      note: spread(micros),
      lessIsBetter: true,
      ...(target !== undefined && { target: { of: 'value', ...target } }),
    },
  ];
}

/** `changed`: of so many the load is another one. */
function servers(changed: number): DiscoverySnapshot {
  return {
    servers: Array.from({ length: SERVERS }, (_, n) => ({
      record: makeRecord({
        serverId: `server-${n}`,
        addresses: [addressOf(n), `10.1.${n >> 8}.${n & 255}:4433`],
        capabilities: n % 2 === 0 ? ['primary', 'replica'] : ['primary', 'relay'],
        region: `region-${n % REGIONS}`,
        zone: `zone-${n % ZONES}`,
        tags: [`tag-${n % 7}`, 'ssd'],
        load: ((n % 10) + (n < changed ? 0.5 : 0)) / 10,
      }),
      ttlMs: undefined,
    })),
  };
}

function addressOf(n: number): string {
  return `server-${n}.films.example:4433`;
}

function beat(turn: number): { readonly load: number; readonly accepting: boolean } {
  return { load: (turn % 100) / 100, accepting: true };
}
