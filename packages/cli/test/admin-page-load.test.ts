import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Telemetry, type AdminServer } from '@kwik/telemetry';
import { pause } from '@kwik/testbed';
import { findProgram } from '@kwik/testbed/programs';
import { CounterRegistry, type PathReading, type SessionReading } from '@kwik/wire';
import { chromium, type Browser, type Page } from 'playwright-core';

/** For machines that do much else at the time; nothing here is measured in seconds. */
const LONG_MS = 240_000;
jest.setTimeout(LONG_MS);

const CHROMIUM = findProgram('chromium');
const SESSIONS = 1_200;
const LISTED = 1_000;
const SERVERS = ['north', 'south', 'west'];
/** What the page keeps: four points a second for two and a half minutes, of eight paths. */
const MAX_POINTS = 600;
const MAX_SERIES = 8;
const MAX_LINES = 200;

/** Counts what reaches the charts: the page's own module, from its own server. */
const WATCH_CHARTS = `import('/charts.mjs').then(({ History }) => {
  const { add } = History.prototype;
  globalThis.charted = { adds: 0, points: 0, series: 0 };
  History.prototype.add = function (...given) {
    add.apply(this, given);
    charted.adds += 1;
    charted.points = Math.max(charted.points, ...this.data.map((series) => series.length));
    charted.series = Math.max(charted.series, this.ids.length);
  };
})`;

interface Charted {
  readonly adds: number;
  readonly points: number;
  readonly series: number;
}

/** 1,200 sessions of three paths, which carry more at each look. */
function manySessions(): CounterRegistry {
  const counters = new CounterRegistry();
  for (let index = 0; index < SESSIONS; index++) {
    let looks = 0;
    counters.add({ kind: 'session', role: 'client', read: () => sessionReading(index, looks++) });
  }
  return counters;
}

function sessionReading(index: number, looks: number): SessionReading {
  return {
    sessionId: index.toString(16).padStart(16, '0'),
    role: 'client',
    openedAtMs: 0,
    nowMs: 1000 * looks,
    streams: index % 7,
    paths: SERVERS.map((server, pathId) => pathReading(server, pathId, index + looks)),
    service: { level: 'full', reason: '' },
    lost: () => [],
    departed: new Map(),
    counts: { decisions: {}, failovers: {}, violations: {}, contents: {} },
  };
}

function pathReading(server: string, pathId: number, looks: number): PathReading {
  const isStalled = pathId === 2 && looks % 5 === 0;
  return {
    pathId,
    address: `192.0.2.${pathId + 1}:4433`,
    server,
    primary: pathId === 0,
    state: 'active',
    flow: isStalled ? 'stalled' : 'steady',
    reason: 'validated',
    unused: isStalled ? 'it stopped delivering' : '',
    sinceMs: 0,
    rttMs: 10 + 5 * pathId + (looks % 10),
    minRttMs: 10,
    rttVarMs: 2,
    lossRate: 0.001 * (looks % 3),
    windowBytes: 60_000,
    inFlightBytes: 30_000,
    receivedBytesPerSecond: 1_000_000,
    deliveryRateBytesPerSecond: 2_000_000,
    datagramBytes: 1350,
    realStreams: 2,
    sentBytes: 1_000 * looks,
    receivedBytes: 250_000 * looks,
    duplicateBytes: 0,
    reinjectedBytes: 0,
    wireSentBytes: 2_000 * looks,
    wireReceivedBytes: 260_000 * looks,
    sentPackets: 10 * looks,
    keyPackets: 10 * looks,
    renewals: 0,
    certificateUntilMs: 0,
    lostPackets: 0,
  };
}

// eslint-disable-next-line no-restricted-syntax -- a machine without the program cannot run it
(CHROMIUM === undefined ? describe.skip : describe)('the live page of 1,200 sessions in Chromium', () => {
  let telemetry: Telemetry;
  let admin: AdminServer;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  const charted = (): Promise<Charted> => page.evaluate('({ ...charted })');

  beforeAll(async () => {
    telemetry = new Telemetry({ counters: manySessions() });
    admin = await telemetry.admin({ port: 0 });
    browser = await chromium.launch({
      executablePath: CHROMIUM!,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
      timeout: LONG_MS,
    });
    page = await browser.newPage({ viewport: { width: 1360, height: 900 } });
    page.setDefaultTimeout(LONG_MS);
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(admin.url);
    await page
      .locator('#sessions [role=option]')
      .nth(LISTED - 1)
      .waitFor({ state: 'attached' });
    await page.evaluate(WATCH_CHARTS);
  });

  afterAll(async () => {
    await browser?.close();
    await admin?.close();
    telemetry?.[Symbol.dispose]();
  });

  test('lists a thousand, says how many there are, and shows the one that is clicked', async () => {
    expect(await page.locator('#sessions [role=option]').count()).toBe(LISTED);
    expect(await page.locator('#summary').innerText()).toContain(`${SESSIONS} sessions, ${LISTED} shown`);
    expect(await page.locator('#servers tbody tr').count()).toBe(SERVERS.length);
    for (const index of [3, 700, LISTED - 1]) {
      const row = page.locator('#sessions [role=option]').nth(index);
      await row.click();
      await page.locator(`#sessions [role=option]:nth-child(${index + 1})[aria-selected=true]`).waitFor();
      await page.locator('#paths .scroll tbody tr', { hasText: 'west' }).waitFor();
    }
    await page.getByLabel('Filter sessions').fill('00000000000002bc');
    while ((await page.locator('#sessions [role=option]').count()) !== 1) await pause(100);
    await page.getByLabel('Filter sessions').fill('');
    await page
      .locator('#sessions [role=option]')
      .nth(LISTED - 1)
      .waitFor({ state: 'attached' });
  });

  test('takes what comes four times a second, and shows the last of it', async () => {
    const { adds } = await charted();
    // Two charts; some eight seconds.
    while ((await charted()).adds < adds + 64) await pause(100);
    for (let line = 1; line <= 2 * MAX_LINES; line++) {
      telemetry.timeline.add({ level: 'info', event: 'test', message: `line ${line} of many` });
    }
    await page.locator('#timeline li', { hasText: `line ${2 * MAX_LINES} of many` }).waitFor();
    expect(await page.locator('#timeline li').count()).toBe(MAX_LINES);
    expect(await page.locator('#sessions [role=option]').count()).toBe(LISTED);
  });

  test('a tab that slept for minutes takes all of it at once, and keeps 600 points of eight paths', async () => {
    const answer = await fetch(`${admin.url}state`);
    const state = (await answer.json()) as { session: string; paths: { id: number }[] };
    const { session, paths, ...overview } = state;
    const begun = Date.now();
    const many = Array.from({ length: 12 }, (_, id) => ({ ...paths[id % paths.length]!, id }));
    const messages = Array.from({ length: 2 * MAX_POINTS }, (_, index) => {
      const last = index === 2 * MAX_POINTS - 1;
      const lines = last ? [{ number: 1e6, time: begun, level: 'info', message: 'the last of them', session: '' }] : [];
      const all = index % 200 === 0 ? overview : {};
      return `data: ${JSON.stringify({ time: begun + 250 * index, session, paths: many, ...all, lines })}\n\n`;
    });
    await page.route(
      /\/events/u,
      (route) => route.fulfill({ contentType: 'text/event-stream', body: messages.join('') }),
      { times: 1 },
    );
    // The stream of before is closed, and the next one has it all.
    await page.locator('#sessions [role=option]').nth(5).click();
    await page.locator('#timeline li', { hasText: 'the last of them' }).waitFor();
    const { points, series } = await charted();
    expect([points, series]).toEqual([MAX_POINTS, MAX_SERIES]);
    expect(await page.locator('#sessions [role=option]').count()).toBe(LISTED);
    expect(await page.locator('#timeline li').count()).toBeLessThanOrEqual(MAX_LINES);
  });

  test('a path that is new has a series, once one that is gone has left the chart', async () => {
    const shown = await page.evaluate(`import('/charts.mjs').then(({ History }) => {
      const history = new History();
      const add = (at, ids) => history.add(at, new Map(ids.map((id) => [id, id])));
      const ids = () => history.ids.join();
      add(0, [0, 1, 2, 3, 4, 5, 6, 7]);
      add(1, [1, 2, 3, 4, 5, 6, 7, 8]);
      const before = ids();
      for (let at = 2; at < ${MAX_POINTS + 2}; at++) add(at, [1, 2, 3, 4, 5, 6, 7, 8]);
      return [before, ids(), history.data.map((series) => series.length)];
    })`);
    expect(shown).toEqual(['0,1,2,3,4,5,6,7', '1,2,3,4,5,6,7,8', new Array(1 + MAX_SERIES).fill(MAX_POINTS)]);
  });

  test('comes back to the live stream by itself, and complains of nothing', async () => {
    const { adds } = await charted();
    while ((await charted()).adds < adds + 8) await pause(100);
    await page.locator('#link[data-kind=good]').waitFor();
    const row = page.locator('#sessions [role=option]').nth(42);
    await row.click();
    await page.locator('#sessions [role=option]:nth-child(43)[aria-selected=true]').waitFor();
    expect(complaints).toEqual([]);
  });
});
