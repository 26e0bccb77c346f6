import { KwikError, type AuditEvent, type AuditSink } from '@kwik/wire';

export interface ViolationAlertOptions {
  /** Where all events go besides. */
  readonly audit?: AuditSink;
  /** One line for each violation. Default: a line of JSON on standard error. */
  readonly log?: (line: string) => void;
  readonly webhook?: WebhookOptions;
}

/** Told of each violation by a POST with the event as JSON; 2xx ends it. */
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

export interface AlertStats {
  readonly violations: number;
  readonly delivered: number;
  /** Given up after all tries, or because 100 waited. */
  readonly lost: number;
}

/** A peer decides how many violations there are: so many wait for the webhook, and no more than one is under way. */
const MAX_WAITING = 100;
const TRIES = 5;
const TIMEOUT_MS = 5000;
const FIRST_WAIT_MS = 1000;

/** Raises an alert for each violation that is written down: a line in the log, and a message to a webhook (V6.4). */
export class ViolationAlerts implements AuditSink {
  readonly #options: ViolationAlertOptions;
  readonly #waiting: AuditEvent[] = [];
  readonly #stats = { violations: 0, delivered: 0, lost: 0 };
  #running = false;

  constructor(options: ViolationAlertOptions) {
    this.#options = options;
    if (options.webhook !== undefined && !URL.canParse(options.webhook.url)) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'the webhook has no URL that can be read');
    }
  }

  get fault(): KwikError | undefined {
    return this.#options.audit?.fault;
  }

  get stats(): AlertStats {
    return { ...this.#stats };
  }

  record(event: AuditEvent): void {
    try {
      this.#options.audit?.record(event);
    } finally {
      if (event.kind === 'violation') this.#alert(event);
    }
  }

  #alert(event: AuditEvent): void {
    this.#stats.violations++;
    if (this.#options.webhook !== undefined) this.#enqueue(event);
    const log = this.#options.log ?? ((line) => void process.stderr.write(`${line}\n`));
    // JSON: what a peer wrote cannot pass for another line.
    log(JSON.stringify({ alert: 'violation', ...event }));
  }

  #enqueue(event: AuditEvent): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#stats.lost++;
      return;
    }
    this.#waiting.push(event);
    if (!this.#running) void this.#run(this.#options.webhook!);
  }

  /** Never rejects. */
  async #run(webhook: WebhookOptions): Promise<void> {
    this.#running = true;
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
      if (await deliver(event, webhook)) this.#stats.delivered++;
      else this.#stats.lost++;
    }
    this.#running = false;
  }
}

async function deliver(event: AuditEvent, webhook: WebhookOptions): Promise<boolean> {
  const { url, headers = {}, tries = TRIES, timeoutMs = TIMEOUT_MS, schedule = systemTimer } = webhook;
  const body = JSON.stringify(event);
  for (let tried = 0; tried < tries; tried++) {
    if (tried > 0) {
      await new Promise<void>((resolve) => {
        schedule(FIRST_WAIT_MS * 2 ** (tried - 1), resolve);
      });
    }
    try {
      const answer = await (webhook.fetch ?? fetch)(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      await answer.body?.cancel();
      if (answer.ok) return true;
    } catch {
      // Tried again, and counted in the end.
    }
  }
  return false;
}

function systemTimer(delayMs: number, callback: () => void): void {
  setTimeout(callback, delayMs).unref();
}
