import { generateKeyPairSync } from 'node:crypto';
import { access } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CounterRegistry } from '@kwik/wire';
import {
  AdminServer,
  AlertWatch,
  EventLog,
  FleetTelemetry,
  FlightFolder,
  History,
  jsonLines,
  listen,
  Metrics,
  observeWith,
  PageHinkley,
  pinoSink,
  PrometheusMetrics,
  QlogFolder,
  RateWatch,
  RobustZ,
  Telemetry,
  webhookSink,
  WorkerTelemetry,
} from './index.js';

/** As who writes JavaScript may hand it over. */
const wrong = (value: unknown): never => value as never;

const counters = new CounterRegistry();
const folder = join(tmpdir(), `kwik-nothing-${process.pid}`);
const refused = (message: RegExp, code = 'ERR_KWIK_INVALID_ARGUMENT'): Error =>
  expect.objectContaining({ name: 'KwikError', code, message: expect.stringMatching(message) }) as unknown as Error;
const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('what a public call cannot take is refused by name, before anything comes of it', () => {
  test.each<[string, RegExp, () => unknown]>([
    ['Telemetry of nothing', /options of Telemetry/, () => new Telemetry(wrong(undefined))],
    ['Telemetry without counters', /Telemetry takes the option counters/, () => new Telemetry(wrong({}))],
    ['no counters', /counters of Telemetry/, () => new Telemetry({ counters: wrong(new Map()) })],
    ['a listener', /onAlert of Telemetry/, () => new Telemetry({ counters, onAlert: wrong('log') })],
    ['a misspelt listener', /mean onFlight/, () => new Telemetry({ counters, ...{ onFligth: () => undefined } })],
    ['EventLog', /sink of EventLog/, () => new EventLog({ sink: wrong(console) })],
    [
      'a level',
      /level of EventLog cannot be 'trace'/,
      () => new EventLog({ sink: () => undefined, level: wrong('trace') }),
    ],
    ['jsonLines', /write of jsonLines/, () => jsonLines(wrong(process.stdout))],
    ['pinoSink', /logger of pinoSink/, () => pinoSink(wrong({ info: () => undefined }))],
    ['History', /counters of History/, () => new History({ counters: wrong('x') })],
    ['a clock of History', /wallClockMs/, () => new History({ counters, wallClockMs: wrong(0) })],
    ['Metrics', /counters of Metrics/, () => new Metrics(wrong(undefined))],
    ['PrometheusMetrics', /metrics of Prom/, () => new PrometheusMetrics(wrong({}))],
    ['observeWith', /meter of observeWith/, () => observeWith(wrong({}), wrong({}))],
    ['AlertWatch', /sinks of AlertWatch/, () => new AlertWatch({ counters, sinks: wrong(() => undefined) })],
    ['own detectors', /detectors of Tel/, () => new Telemetry({ counters, detectors: wrong([]) })],
    ['own detectors of a watch', /detectors of Al/, () => new AlertWatch({ counters, detectors: wrong({}) })],
    ['webhookSink', /url of webhookSink/, () => webhookSink(wrong(new URL('http://a.test')), () => undefined)],
    ['webhookSink, of another kind', /http or https URL/, () => webhookSink('file:///x', () => undefined)],
    ['RobustZ', /direction of RobustZ/, () => new RobustZ({ direction: wrong('left'), floor: 1, floorShare: 0 })],
    ['PageHinkley', /takes the option threshold/, () => new PageHinkley(wrong({ tolerance: 1 }))],
    ['RateWatch', /floor of RateWatch/, () => new RateWatch({ floor: Number.NaN, factor: 1 })],
    ['listen, no such channel', /kwik:path:failover/, () => listen(wrong({ 'kwik:path:failovr': () => undefined }))],
    ['listen, no function', /of listen cannot be 5/, () => listen({ 'kwik:path:failover': wrong(5) })],
    ['FleetTelemetry', /takes the option send/, () => new FleetTelemetry(wrong({}))],
    ['WorkerTelemetry', /takes the option send/, () => new WorkerTelemetry(wrong({ counters }))],
  ])('%s', (_what, message, call) => {
    const before = timers();
    expect(call).toThrow(refused(message));
    expect(timers()).toBe(before);
  });

  test.each<[string, RegExp, () => Promise<unknown>]>([
    ['AdminServer.listen', /takes the option routes/, () => AdminServer.listen(wrong({ port: 0 }))],
    ['a port', /port of AdminServer/, () => AdminServer.listen({ port: wrong('0'), routes: {} })],
    ['a route', /routes of AdminServer/, () => AdminServer.listen({ port: 0, routes: { '/': wrong('text') } })],
    ['a host', /host of AdminServer/, () => AdminServer.listen({ port: 0, host: '', routes: {} })],
    ['half of TLS', /tls\.key/, () => AdminServer.listen({ port: 0, tls: wrong({ cert: 'x' }), routes: {} })],
    ['QlogFolder.open', /folder of QlogFolder/, () => QlogFolder.open({ folder: '', counters })],
    ['no counters for a qlog', /takes the option counters/, () => QlogFolder.open(wrong({ folder }))],
    ['a bound of a qlog', /maxFiles of a qlog/, () => QlogFolder.open({ folder, counters, maxFiles: wrong('5') })],
    ['FlightFolder.open', /onFault of FlightFolder/, () => FlightFolder.open({ folder, counters, onFault: wrong({}) })],
    ['a path of a history', /file of keep/, () => keep(wrong(undefined))],
    ['the page of a process', /port of admin/, () => page({ port: 65_536 })],
    ['a token that is a number', /token of admin cannot be that number/, () => page({ port: 0, token: 271_828 })],
    ['the page, misspelt', /mean token/, () => page({ port: 0, tokn: 'x' })],
  ])('%s', async (_what, message, call) => {
    await expect(call()).rejects.toEqual(refused(message));
    await expect(access(folder)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('TLS that cannot be read, and nothing of the key is told', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const listening = AdminServer.listen({ port: 0, tls: { cert: 'no PEM', key }, routes: {} });
    await expect(listening).rejects.toEqual(refused(/no pair in PEM/, 'ERR_KWIK_CREDENTIALS'));
  });

  async function keep(file: string): Promise<void> {
    const history = new History({ counters });
    await history.keep(file).finally(() => history.close());
  }

  async function page(address: object): Promise<void> {
    using telemetry = new Telemetry({ counters });
    await telemetry.admin(wrong(address));
  }
});
