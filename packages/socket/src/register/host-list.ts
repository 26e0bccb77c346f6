/** One entry of `KWIK_HOSTS`. */
interface HostRule {
  /** Lower case; `*` stands for every host. */
  readonly host: string;
  /** The host begins with `*.`: any name below it. */
  readonly below: boolean;
  readonly port: number | undefined;
}

const ENTRY = /^(?:\[([0-9a-f:.%\w]+)\]|(\*\.)?([^:*[\]\s]+)|(\*))(?::(\d{1,5}))?$/iu;
const MAX_PORT = 0xffff;

/** Hosts whose connections go over KWIK: `db.example:5432,*.internal,[::1]:80,*:6379`. */
export class HostList {
  readonly #rules: readonly HostRule[];

  private constructor(rules: readonly HostRule[]) {
    this.#rules = rules;
  }

  /** Throws TypeError for an entry that is none. */
  static parse(text: string): HostList {
    const entries = text.split(',').map((entry) => entry.trim());
    return new HostList(entries.filter((entry) => entry !== '').map(ruleOf));
  }

  has(host: string, port: number): boolean {
    const name = host.toLowerCase().replace(/\.$/u, '');
    return this.#rules.some((rule) => (rule.port === undefined || rule.port === port) && namesHost(rule, name));
  }
}

function ruleOf(entry: string): HostRule {
  const [matched, address, below, name, all, port] = ENTRY.exec(entry) ?? [];
  const number = port === undefined ? undefined : Number(port);
  if (matched === undefined || number === 0 || (number ?? 1) > MAX_PORT) {
    throw new TypeError(`KWIK_HOSTS: '${entry}' is not HOST, HOST:PORT, *.DOMAIN or *, nor one of them with a port`);
  }
  const host = (address ?? name ?? all ?? '').toLowerCase().replace(/\.$/u, '');
  return { host, below: below !== undefined, port: number };
}

function namesHost({ host, below }: HostRule, name: string): boolean {
  if (host === '*') return true;
  return below ? name.endsWith(`.${host}`) : name === host;
}
