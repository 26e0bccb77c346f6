import { checkOptions, optionRules, type AuditEvent, type AuditSink, type KwikError } from '@kwik/wire';
import { WEBHOOK_RULES, WebhookQueue, type WebhookOptions } from './webhook-queue.js';

export interface ViolationAlertOptions {
  /** Where all events go besides. */
  readonly audit?: AuditSink;
  /** One line for each violation. Default: a line of JSON on standard error. */
  readonly log?: (line: string) => void;
  /** Told of each violation, the event being the JSON. */
  readonly webhook?: WebhookOptions;
}

const RULES = optionRules.group<ViolationAlertOptions>({
  audit: optionRules.objectWith('record'),
  log: optionRules.call,
  webhook: WEBHOOK_RULES,
});

export interface AlertStats {
  readonly violations: number;
  readonly delivered: number;
  /** Given up after all tries, or because 100 waited. */
  readonly lost: number;
}

/** Raises an alert for each violation that is written down: a line in the log, and a message to a webhook (V6.4). */
export class ViolationAlerts implements AuditSink {
  readonly #options: ViolationAlertOptions;
  readonly #webhook: WebhookQueue | undefined;
  #violations = 0;

  /** Throws ERR_KWIK_INVALID_ARGUMENT for options that are wrong, and a webhook without a URL that can be read. */
  constructor(options: ViolationAlertOptions) {
    checkOptions(options, { call: 'ViolationAlerts', root: RULES });
    this.#options = options;
    this.#webhook = options.webhook === undefined ? undefined : new WebhookQueue(options.webhook);
  }

  get fault(): KwikError | undefined {
    return this.#options.audit?.fault;
  }

  get stats(): AlertStats {
    const { delivered = 0, lost = 0 } = this.#webhook ?? {};
    return { violations: this.#violations, delivered, lost };
  }

  record(event: AuditEvent): void {
    try {
      this.#options.audit?.record(event);
    } finally {
      if (event.kind === 'violation') this.#alert(event);
    }
  }

  #alert(event: AuditEvent): void {
    this.#violations += 1;
    this.#webhook?.tell(event);
    const log = this.#options.log ?? ((line) => void process.stderr.write(`${line}\n`));
    // JSON: what a peer wrote cannot pass for another line.
    log(JSON.stringify({ alert: 'violation', ...event }));
  }
}
