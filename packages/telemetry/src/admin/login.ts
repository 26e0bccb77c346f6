import type { IncomingMessage, ServerResponse } from 'node:http';
import { isToken, loginCookie } from './admin-rules.js';

/** Where a browser sends the token: in the body of a POST, for an address goes into its history and into logs. */
export const LOGIN_PATH = '/login';
/** What the page for logging in is made of, and shows to everybody. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/style.css', '/icon.svg']);
/** A form with a token, and nothing else. */
const MAX_BODY_BYTES = 4_096;

export function isOpenPath(path: string): boolean {
  return OPEN_PATHS.has(path);
}

/** Sets the cookie and leads to the page, or says that this is not the token. */
export async function logIn(request: IncomingMessage, response: ServerResponse, token: string): Promise<void> {
  const body = await bodyOf(request);
  if (body === undefined) {
    response.writeHead(413, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' }).end('too long\n');
  } else if (isToken(new URLSearchParams(body).get('token') ?? '', token)) {
    response.writeHead(303, { 'Set-Cookie': loginCookie(token), Location: '/' }).end();
  } else askForToken(request, response, 'That is not the token.');
}

/** 401, with a form for browsers and a line for everything else. */
export function askForToken(request: IncomingMessage, response: ServerResponse, problem = ''): void {
  response.setHeader('WWW-Authenticate', 'Bearer');
  const isBrowser = request.headers.accept?.includes('text/html') === true;
  const text = isBrowser
    ? loginPage(problem)
    : `${problem === '' ? '' : `${problem} `}Show the token: Authorization: Bearer …, or open this address in a browser.\n`;
  response.writeHead(401, { 'Content-Type': `text/${isBrowser ? 'html' : 'plain'}; charset=utf-8` }).end(text);
}

/** Undefined for one that is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Left early, it would end the connection before the answer is out.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function loginPage(problem: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>KWIK: log in</title>
    <link rel="icon" href="/icon.svg" />
    <link rel="stylesheet" href="/style.css" />
  </head>
  <body>
    <main class="login">
      <form method="post" action="${LOGIN_PATH}">
        <h1>KWIK</h1>
        <label for="token">Token of this page</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required autofocus />
        <p class="problem" role="alert">${problem}</p>
        <button>Log in</button>
        <p class="small">It is what KWIK_ADMIN_TOKEN was set to where the process was started.</p>
      </form>
    </main>
  </body>
</html>
`;
}
