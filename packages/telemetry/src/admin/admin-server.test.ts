import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CounterRegistry } from '@kwik/wire';
import { Telemetry } from '../telemetry.js';
import { session } from '../test-support/sources.js';
import type { AdminAddress } from './admin-rules.js';
import type { AdminServer, HealthCheck } from './admin-server.js';

const TOKEN = 'a-token-that-nobody-guesses';

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function start(address: Partial<AdminAddress> = {}, health?: HealthCheck): Promise<AdminServer> {
  const counters = new CounterRegistry();
  counters.add(session());
  const telemetry = new Telemetry({ counters });
  endings.push(() => telemetry[Symbol.dispose]());
  const admin = await telemetry.admin({ port: 0, ...address }, health);
  endings.push(() => admin.close());
  return admin;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** As a client that may say anything in its headers. */
function ask(url: string, headers: Record<string, string> = {}, method = 'GET', sent = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { headers, method }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    request.on('error', reject).end(sent);
  });
}

describe('the admin server', () => {
  it('answers with metrics, health, the state and the last minute, under a strict policy', async () => {
    const { url } = await start();
    expect((await ask(`${url}metrics`)).body).toContain('kwik_sessions{role="client"} 1');
    expect(JSON.parse((await ask(`${url}health`)).body)).toEqual({ status: 'ok', problems: [] });
    expect(JSON.parse((await ask(`${url}state`)).body)).toMatchObject({
      total: 1,
      paths: [{ address: '192.0.2.1:4433' }],
    });
    expect(JSON.parse((await ask(`${url}flight`)).body)).toMatchObject({ reason: 'asked for', events: [] });
    const page = await ask(url);
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
    expect(page.headers['access-control-allow-origin']).toBeUndefined();
    // Nothing in it comes from elsewhere, and nothing is written into it.
    expect(page.body).not.toMatch(/https?:\/\/|<script>|<style>| on\w+=/u);
    for (const name of [
      'app.mjs',
      'charts.mjs',
      'lists.mjs',
      'past.mjs',
      'units.mjs',
      'style.css',
      'uplot.mjs',
      'uplot.css',
    ]) {
      expect([name, (await ask(url + name)).status]).toEqual([name, 200]);
    }
  });

  it('tells a probe what is wrong', async () => {
    const { url } = await start({}, () => ['the listener is closed']);
    const { status, body } = await ask(`${url}health`);
    expect([status, JSON.parse(body)]).toEqual([503, { status: 'failing', problems: ['the listener is closed'] }]);
  });

  it.each([
    ['a name that resolves to this machine', { Host: 'rebound.example:80' }, 'GET', '', 421],
    ['a method that changes something', {}, 'POST', 'metrics', 405],
    ['a path of the file system', {}, 'GET', '../package.json', 404],
    ['a name of every object', {}, 'GET', 'constructor', 404],
  ])('refuses %s', async (_name, headers, method, path, status) => {
    const { url } = await start();
    expect((await ask(url + path, headers as Record<string, string>, method)).status).toBe(status);
  });

  it('lets in who shows the token, in a header or by a cookie that is not the token', async () => {
    const { url } = await start({ token: TOKEN });
    expect((await ask(`${url}metrics`)).status).toBe(401);
    expect((await ask(`${url}metrics`, { Authorization: `Bearer ${TOKEN}x` })).status).toBe(401);
    expect((await ask(`${url}metrics`, { Authorization: `Bearer ${TOKEN}` })).status).toBe(200);
    const post = (body: string): Promise<Answer> => ask(`${url}login`, { Accept: 'text/html' }, 'POST', body);
    expect(await post('token=wrong')).toMatchObject({ status: 401, body: expect.stringContaining('not the token') });
    const login = await post(`token=${TOKEN}`);
    const [cookie] = login.headers['set-cookie'] as [string];
    expect([login.status, login.headers['location']]).toEqual([303, '/']);
    expect(cookie).toMatch(/HttpOnly; Secure; SameSite=Strict/u);
    expect(cookie).not.toContain(TOKEN);
    expect((await ask(`${url}metrics`, { Cookie: cookie.split(';')[0]! })).status).toBe(200);
  });

  it('takes the token in no address, and no more than a form with it', async () => {
    const { url } = await start({ token: TOKEN });
    const form = await ask(`${url}login?token=${TOKEN}`, { Accept: 'text/html' });
    expect([form.status, form.headers['set-cookie'], form.body]).toEqual([
      401,
      undefined,
      expect.stringMatching(/<form method="post" action="\/login">[^]*type="password"/u),
    ]);
    expect((await ask(`${url}style.css`)).status).toBe(200);
    expect((await ask(`${url}login?token=${TOKEN}`, {}, 'POST')).status).toBe(405);
    expect((await ask(`${url}login`, {}, 'POST', `token=${'x'.repeat(5000)}`)).status).toBe(413);
    expect((await ask(`${url}login`)).body).toMatch(/^Show the token: Authorization: Bearer/u);
  });

  it('is asked for no token where there is none', async () => {
    const { url } = await start();
    expect((await ask(`${url}login`, {}, 'POST', 'token=x')).status).toBe(405);
  });

  it.each([
    [{ host: '0.0.0.0' }, 'takes TLS'],
    [{ host: '192.0.2.7', token: TOKEN }, 'takes TLS'],
    [{ token: 'short' }, 'less than 16 characters'],
  ])('does not listen with %j', async (address, words) => {
    await expect(start(address)).rejects.toMatchObject({
      code: 'ERR_KWIK_CREDENTIALS',
      message: expect.stringContaining(words),
    });
  });

  it('says so when the address is taken, and ends with its open streams', async () => {
    const admin = await start();
    const port = Number(new URL(admin.url).port);
    await expect(start({ port })).rejects.toMatchObject({ message: expect.stringContaining('EADDRINUSE') });
    const stream = await fetch(`${admin.url}events`);
    const reader = stream.body!.getReader();
    expect(Buffer.from((await reader.read()).value).toString()).toMatch(/^data: \{"time":/u);
    await admin.close();
    await expect(reader.read()).rejects.toThrow();
    expect(new URL(admin.url).port).toBe(String(port));
  });

  it.each(['admin.sock', -1, 65_536, 1.5])('refuses %p for a port', async (port) => {
    await expect(start({ port: port as number })).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
  });
});
