import { makeCredentials } from '../harness/certificates.js';
import type { Part, PartContext, PartResult, Row, Target } from '../part.js';
import { costPlots } from './scale/cost-plot.js';
import { median, percentile } from '../harness/stats.js';
import { measure, type Measured, measureStarved, type Starved } from './scale/measure.js';

const SIZES = [100, 1_000, 10_000];
const QUICK_SIZES = [100, 500];
/** That share the processor with others, and have little memory. */
const STARVED_SIZES = [3_000, 10_000];
const QUICK_STARVED_SIZES = [500];
/** design.md, section 3: 3,000 connections in one process on the raw binding. */
const RAW_BINDING = 'raw binding: 2,400/s, 42 kB';

/** What many sessions cost one server process. */
export const scale: Part = {
  name: 'scale',
  about: '100, 1,000 and 10,000 sessions on one server: handshakes, memory, echoes, idle CPU, goodput of an active one',
  async run(context: PartContext): Promise<PartResult> {
    const credentials = await makeCredentials();
    const all: Measured[] = [];
    for (const sessions of context.quick ? QUICK_SIZES : SIZES) {
      if (KINDS.every((kind) => !context.wanted(nameOf(kind, sessions)))) continue;
      all.push(await measure(sessions, credentials, context));
    }
    const rows = all.flatMap(rowsOf);
    const failures: string[] = [];
    for (const sessions of context.quick ? QUICK_STARVED_SIZES : STARVED_SIZES) {
      if (!context.wanted(starvedName(sessions))) continue;
      try {
        rows.push(...starvedRows(sessions, await measureStarved(sessions, credentials, context)));
      } catch (error) {
        failures.push(`${starvedName(sessions)}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return { rows, plots: all.length > 1 ? costPlots(all) : [], failures };
  },
};

const KINDS = ['handshakes', 'handshake CPU', 'memory', 'echo', 'idle CPU', 'active one'] as const;

function nameOf(kind: (typeof KINDS)[number], sessions: number): string {
  return `${kind}, ${sessions}`;
}

function starvedName(sessions: number): string {
  return `echo on half the processor, ${sessions}`;
}

function starvedRows(sessions: number, measured: Starved): Row[] {
  const { echoed, echoMs, served, fairness, seconds, failure } = measured;
  return [
    {
      name: starvedName(sessions),
      value: echoed,
      unit: '',
      reference: { name: 'sessions', value: sessions },
      target: { of: 'ratio', atLeast: 1 },
      note: failure ?? `open after ${seconds.toFixed(0)} s`,
    },
    {
      name: `echo p99 on half the processor, ${sessions}`,
      value: percentile(echoMs, 99),
      unit: 'ms',
      note: `median ${median(echoMs).toFixed(0)} ms, 64 at once in each client; the server in a small heap`,
    },
    {
      name: `served on half the processor, ${sessions}`,
      value: served,
      unit: '',
      reference: { name: 'sessions', value: sessions },
      target: { of: 'ratio', atLeast: 1 },
      note: 'all want as much at once, and have it all',
    },
    {
      name: `fairness on half the processor, ${sessions} (Jain, at half time)`,
      value: fairness,
      unit: '',
      target: { of: 'value', atLeast: 0.95 },
      note: 'the least of the clients',
    },
  ];
}

function rowsOf(measured: Measured): Row[] {
  const { sessions, kwik, driver, echoed, failure, idleCpu, idleClientCpu, aloneMbps, amongIdleMbps } = measured;
  const target = (wanted: Target): { target?: Target } => (sessions === Math.max(...SIZES) ? { target: wanted } : {});
  const fasterThan = (value: number, reference: number): number => reference / value;
  return [
    {
      name: nameOf('handshakes', sessions),
      value: kwik.handshakesPerSecond,
      unit: '1/s',
      reference: { name: 'driver', value: driver.handshakesPerSecond },
      ...target({ of: 'value', atLeast: 1_000 }),
      note: RAW_BINDING,
    },
    {
      name: nameOf('handshake CPU', sessions),
      value: kwik.serverMicros,
      unit: 'µs',
      reference: { name: 'driver', value: driver.serverMicros },
      ratio: fasterThan(kwik.serverMicros, driver.serverMicros),
      note: `server; clients ${kwik.clientMicros.toFixed(0)}, driver's ${driver.clientMicros.toFixed(0)}`,
    },
    {
      name: nameOf('memory', sessions),
      value: kwik.kilobytes,
      unit: 'kB',
      reference: { name: 'driver', value: driver.kilobytes },
      ratio: fasterThan(kwik.kilobytes, driver.kilobytes),
      ...target({ of: 'value', atMost: 100 }),
      note: `resident at the server; ${measured.usedKilobytes.toFixed(1)} kB after each has echoed`,
    },
    {
      name: nameOf('echo', sessions),
      value: echoed,
      unit: '',
      reference: { name: 'sessions', value: sessions },
      target: { of: 'ratio', atLeast: 1 },
      ...(failure !== undefined && { note: failure }),
    },
    {
      name: nameOf('idle CPU', sessions),
      value: idleCpu * 100,
      unit: '%',
      note: `of a core, server; ${((idleCpu / sessions) * 1e6).toFixed(0)} µs per session and second`,
    },
    {
      name: nameOf('active one', sessions),
      value: amongIdleMbps,
      unit: 'MB/s',
      reference: { name: 'alone', value: aloneMbps },
      ...target({ of: 'ratio', atLeast: 0.8 }),
      note: `the others idle; their clients take ${(idleClientCpu * 100).toFixed(0)} % of a core beside it`,
    },
  ];
}
