import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { dial, listen, processDiagnostics, type Listener, type ReplicaSource, type Session } from '@kwik/session';
import { Telemetry, type AdminServer } from '@kwik/telemetry';
import { createLinks, pause, type LinkSet } from '@kwik/testbed';
import { findProgram } from '@kwik/testbed/programs';
import { chromium, type Browser, type Page } from 'playwright-core';

jest.setTimeout(120_000);

const CHROMIUM = findProgram('chromium');
/** `KWIK_SCREENSHOTS=1` renews the pictures in the docs. */
const PICTURES = fileURLToPath(new URL('../../../docs/operations/images/', import.meta.url));
const HOSTILE = '<img src=x onerror=alert(1)>';
const NAMES = ['north', HOSTILE, 'south'];
const SIZE = 400_000_000;
const KEY = 'film';
/** From the cut of a server's link until the page shows it. */
const SHOWN_WITHIN_MS = 1_000;

/** The same at every server, and nobody looks at it here. */
const source: ReplicaSource = {
  size: BigInt(SIZE),
  read: (_offset, length) => Promise.resolve(new Uint8Array(length)),
};

/** Three servers behind links, a client that reads from all of them, and the page of its process. */
class Scene {
  static async set(): Promise<Scene> {
    const folder = await mkdtemp(join(tmpdir(), 'kwik-page-'));
    process.env['KWIK_DATA_DIR'] = folder;
    const listeners = await Promise.all(
      NAMES.map((serverId) => listen({ identity: { serverId }, replica: () => source })),
    );
    const shape = (listener: Listener, index: number) => ({
      target: { host: '127.0.0.1', port: listener.address().port },
      both: { rateBitsPerSecond: [12e6, 8e6, 4e6][index]!, delayMs: 10 + 5 * index, queueBytes: 60_000 },
      seed: index + 1,
    });
    const [a, b, c] = listeners.map(shape);
    const links = await createLinks({ a: a!, b: b!, c: c! }, { isolated: true });
    const telemetry = new Telemetry({ counters: processDiagnostics().counters });
    const history = join(folder, 'history.json');
    await writeFile(history, JSON.stringify(dayBefore()));
    await telemetry.history.keep(history);
    const admin = await telemetry.admin({ port: 0 });
    const session = await openSession(listeners, links);
    return new Scene(folder, listeners, links, telemetry, admin, session);
  }

  private constructor(
    readonly folder: string,
    readonly listeners: readonly Listener[],
    readonly links: LinkSet<'a' | 'b' | 'c'>,
    readonly telemetry: Telemetry,
    readonly admin: AdminServer,
    readonly session: Session,
  ) {}

  async clear(): Promise<void> {
    await this.admin.close();
    this.telemetry[Symbol.dispose]();
    await this.session.close(0, '', { timeoutMs: 0 });
    await Promise.all(this.listeners.map((listener) => listener.close({ force: true })));
    await this.links.close();
    delete process.env['KWIK_DATA_DIR'];
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A day as it might have been, in the form of `--history`: busy by day, with a server that was away for two hours. */
function dayBefore(): object {
  const nowMs = Math.floor(Date.now() / 60_000) * 60_000;
  const minutes = Array.from({ length: 1_430 }, (_, index) => {
    const wave = 1.2 + Math.sin((index / 1_440) * 2 * Math.PI) + 0.15 * Math.sin(index / 3);
    const server = (name: string, mbps: number, rttMs: number): unknown[] => {
      const bytes = Math.round(mbps * wave * 7_500_000);
      return [name, bytes, Math.round(bytes / 50), rttMs * (1 + wave / 10), 0.001, 4, 4];
    };
    const isAway = index > 600 && index < 720;
    const servers = [server('north', 12, 20), ...(isAway ? [] : [server(HOSTILE, 8, 30)]), server('south', 4, 40)];
    return [nowMs - (1_430 - index) * 60_000, ...servers];
  });
  return { version: 1, minutes, hours: [] };
}

async function openSession(listeners: readonly Listener[], links: LinkSet<'a' | 'b' | 'c'>): Promise<Session> {
  const addresses = listeners.map((listener) => `127.0.0.1:${listener.address().port}`);
  const via = new Map(addresses.map((address, index) => [address, Object.values(links.links)[index]!.address()]));
  const [session, server] = await Promise.all([
    dial(via.get(addresses[0]!)!, { paths: { resolve: (address) => via.get(address) ?? address } }),
    listeners[0]!.accept(),
  ]);
  await Promise.all(addresses.slice(1).map((address) => server.addPath(address)));
  const stream = session.openStream();
  await stream.write('get');
  void (async () => {
    const own = await server.acceptStream();
    await own.sendFrom(KEY, source);
  })().catch(() => undefined);
  void (async () => {
    while ((await stream.read()) !== null);
  })().catch(() => undefined);
  return session;
}

// eslint-disable-next-line no-restricted-syntax -- a machine without the program cannot run it
(CHROMIUM === undefined ? describe.skip : describe)('the live page in Chromium', () => {
  let scene: Scene;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    scene = await Scene.set();
    browser = await chromium.launch({
      executablePath: CHROMIUM!,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    });
    page = await browser.newPage({ viewport: { width: 1360, height: 900 } });
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('dialog', (dialog) => complaints.push(`a dialog: ${dialog.message()}`));
    page.on('request', (request) => {
      if (!request.url().startsWith(scene.admin.url) && !request.url().startsWith('data:'))
        complaints.push(request.url());
    });
    await page.goto(scene.admin.url);
    await page.locator('#sessions [role=option]', { hasText: 'client' }).click();
    await page.locator('#paths .scroll tbody tr').nth(2).waitFor();
  });

  afterAll(async () => {
    await browser?.close();
    await scene?.clear();
  });

  test('shows each path with its figures, and a hostile name as text', async () => {
    const carrying = page.locator('#paths .scroll tbody tr', { hasText: 'bit/s' });
    await carrying.nth(1).waitFor();
    const rows = await page.locator('#paths .scroll tbody tr').allInnerTexts();
    expect(rows).toHaveLength(3);
    expect(rows[1]).toContain(HOSTILE);
    expect(await page.locator('#summary').innerText()).toContain('sessions');
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('#paths .charts canvas').count()).toBe(2);
  });

  test('shows the last day and the last month', async () => {
    await page.locator('#past .charts canvas').nth(1).waitFor();
    expect(await page.locator('#past .u-legend').first().innerText()).toContain(HOSTILE);
    await page.getByLabel('How far back').selectOption('month');
    await page.locator('#past figcaption', { hasText: 'by the hour' }).waitFor();
    await page.getByLabel('How far back').selectOption('day');
    await page.locator('#past figcaption', { hasText: 'by the minute' }).waitFor();
  });

  test('is used by the keyboard, and says what is chosen', async () => {
    const list = page.getByRole('listbox', { name: 'Sessions' });
    const before = await page.locator('[role=option][aria-selected=true]').getAttribute('data-id');
    await list.focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await page.locator('[role=option]:first-child[aria-selected=true]').waitFor();
    const first = await page.locator('[role=option][aria-selected=true]').getAttribute('data-id');
    expect(first).not.toBeNull();
    await page.locator(`[role=option][data-id="${before}"]`).click();
    await page.locator(`[role=option][data-id="${before}"][aria-selected=true]`).waitFor();
  });

  test('shows within a second that a server is gone, and why', async () => {
    await pause(4000);
    const cutMs = performance.now();
    scene.links.links.b.cut();
    const row = page.locator('#paths .scroll tbody tr', { hasText: HOSTILE });
    await row.locator('.chip:not([data-kind=good])').waitFor();
    expect(performance.now() - cutMs).toBeLessThan(SHOWN_WITHIN_MS);
    expect(await row.locator('.chip').innerText()).toMatch(/stalled|suspected|dead/u);
    await page.locator('#timeline li', { hasText: 'stopped delivering' }).first().waitFor();
    await takePictures(page);
    expect(complaints).toEqual([]);
  });
});

async function takePictures(page: Page): Promise<void> {
  if (process.env['KWIK_SCREENSHOTS'] !== '1') return;
  await mkdir(PICTURES, { recursive: true });
  await pause(1500);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const [name, width, height] of [
      ['wide', 1360, 900],
      ['narrow', 420, 900],
    ] as const) {
      await page.setViewportSize({ width, height });
      await pause(700);
      await page.screenshot({ path: join(PICTURES, `page-${name}-${colorScheme}.png`), fullPage: true });
    }
  }
}
