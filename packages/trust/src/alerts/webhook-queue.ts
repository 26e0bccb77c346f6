import { checkArgument, checkOptions, KwikError, optionRules } from '@kwik/wire';

/** Where a webhook is, and how it is told: by a POST with JSON; 2xx ends it, anything else is tried again. */
export interface WebhookOptions {
  readonly url: string;
  /** Such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: that of Node. */
  readonly fetch?: typeof fetch;
  /** Default: 5, with waits of 1, 2, 4 and 8 s between them. */
  readonly tries?: number;
  /** For one of them, milliseconds. Default: 5,000. */
  readonly timeoutMs?: number;
  readonly schedule?: (delayMs: number, callback: () => void) => unknown;
}

const { call, group, positive, positiveMilliseconds, text } = optionRules;
export const WEBHOOK_RULES = group<WebhookOptions>(
  {
    url: text,
    headers: optionRules.value('an object with texts', (given) => {
      return optionRules.anObject.accepts(given) && Object.values(given as object).every((one) => text.accepts(one));
    }),
    fetch: call,
    tries: positive,
    timeoutMs: positiveMilliseconds,
    schedule: call,
  },
  ['url'],
);

/** Others decide how much there is to tell: so many wait, and no more than one is under way. */
const MAX_WAITING = 100;
const TRIES = 5;
const TIMEOUT_MS = 5000;
const FIRST_WAIT_MS = 1000;
/** RFC 9110, section 5.1. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]{1,100}$/u;

/** Tells a webhook of one thing after the other. What does not find a place among the 100 that wait is lost. */
export class WebhookQueue {
  readonly #options: WebhookOptions;
  readonly #onLost: (reason: Error) => void;
  readonly #waiting: string[] = [];
  #running = false;
  #delivered = 0;
  #lost = 0;

  /**
   * Throws ERR_KWIK_INVALID_ARGUMENT for options that are wrong, and what is no http or https URL. `onLost` hears of each that is given up; what it
   * throws is dropped.
   */
  constructor(options: WebhookOptions, onLost: (reason: Error) => void = () => undefined) {
    checkOptions(options, { call: 'WebhookQueue', root: WEBHOOK_RULES });
    checkArgument('WebhookQueue', 'onLost', onLost, call);
    if (!URL.canParse(options.url) || !/^https?:/iu.test(options.url)) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'the webhook has no http or https URL that can be read');
    }
    checkNoLogin(options.url);
    checkHeaders(options.headers);
    this.#options = options;
    this.#onLost = onLost;
  }

  get delivered(): number {
    return this.#delivered;
  }

  /** Given up after all tries, or because 100 waited. */
  get lost(): number {
    return this.#lost;
  }

  /** `value` as JSON, by and by. */
  tell(value: unknown): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#lose(new Error('the webhook does not keep up'));
      return;
    }
    this.#waiting.push(JSON.stringify(value));
    if (!this.#running) void this.#run();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#running = true;
    for (let body = this.#waiting.shift(); body !== undefined; body = this.#waiting.shift()) {
      const failure = await this.#deliver(body);
      if (failure === undefined) this.#delivered += 1;
      else this.#lose(failure);
    }
    this.#running = false;
  }

  /** Resolves with what went wrong last, or undefined. */
  async #deliver(body: string): Promise<Error | undefined> {
    const { tries = TRIES } = this.#options;
    let failure: Error | undefined;
    for (let tried = 0; tried < tries; tried++) {
      if (tried > 0) await this.#wait(FIRST_WAIT_MS * 2 ** (tried - 1));
      failure = await this.#post(body);
      if (failure === undefined) return undefined;
    }
    return failure ?? new Error('the webhook was not tried');
  }

  async #post(body: string): Promise<Error | undefined> {
    const { url, headers = {}, timeoutMs = TIMEOUT_MS, fetch: post = fetch } = this.#options;
    try {
      const answer = await post(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
        // It could lead into the own network.
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      await answer.body?.cancel();
      return answer.ok ? undefined : new Error(`the webhook answered ${answer.status}`);
    } catch (error) {
      return new Error(inWords(error, timeoutMs), { cause: error });
    }
  }

  #wait(ms: number): Promise<void> {
    const { schedule = systemTimer } = this.#options;
    return new Promise((resolve) => void schedule(ms, resolve));
  }

  #lose(reason: Error): void {
    this.#lost += 1;
    try {
      this.#onLost(reason);
    } catch {
      // No callback of an application ends the process, and this one has nobody to be told.
    }
  }
}

/** `fetch` says no more than that it failed; why stands in the cause. */
function inWords(error: unknown, timeoutMs: number): string {
  const { name, message, cause } = Object(error) as Partial<Error>;
  if (name === 'TimeoutError') return `the webhook did not answer within ${timeoutMs} ms`;
  const { code, message: why } = Object(cause) as Partial<NodeJS.ErrnoException>;
  return `the webhook was not reached: ${code ?? why ?? message ?? String(error)}`;
}

/** `fetch` refuses such an address at each request, with the password in its message. */
function checkNoLogin(url: string): void {
  const { username, password } = new URL(url);
  if (username === '' && password === '') return;
  const text =
    'the URL of the webhook has a user or password, which is not sent: give it as headers.authorization instead';
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
}

/** `fetch` refuses such a header at each request, with its value in the message. */
function checkHeaders(headers: WebhookOptions['headers']): void {
  for (const [name, value] of Object.entries(headers ?? {})) {
    try {
      new Headers([[name, value]]);
    } catch {
      // Without a cause: that has the value, too.
      const which = HEADER_NAME.test(name) ? `the value of the header '${name}'` : 'the name of a header';
      const text = `${which} of the webhook cannot be sent: a line break, for one, is not allowed in it`;
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
    }
  }
}

function systemTimer(delayMs: number, callback: () => void): void {
  setTimeout(callback, delayMs).unref();
}
