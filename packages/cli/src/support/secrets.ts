/** Stands where a secret stood. */
const REMOVED = '[removed]';

/** Names of settings and headers whose values are nobody's business, in whatever way they are written. */
const SECRET_NAME =
  /token|pass(?:word|wd|phrase|code)|secret|psk|credential|authorization|cookie|private|api[_-]?key/iu;
/** As it stands before a value in text. */
const NAMED = '(?:token|pass(?:word|wd|phrase|code)|secret|psk|credentials?|authorization|cookie|api[_-]?key)';
/** Shorter values would blot out innocent text. */
const LEAST_SECRET_CHARACTERS = 6;

const PATTERNS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // In JSON the lines of PEM are joined by \n, which this takes, too; what is cut off goes to the end.
  [
    /-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)/gu,
    REMOVED,
  ],
  [/\b(Bearer|Basic|Digest)\s+[\w.~+/=-]{6,}/giu, `$1 ${REMOVED}`],
  // A JSON Web Token.
  [/\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/gu, REMOVED],
  // The part of a URL before the last @ of its authority: a password may have one, too.
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/"<>]{1,1024}@/giu, `$1${REMOVED}@`],
  // And of the hosts of etcd, which a person may well write in the same way.
  [/(\betcds?:)(?!\/\/)[^\s/"<>]{1,1024}@/giu, `$1${REMOVED}@`],
  [
    /([?&#;](?:access_|refresh_|id_)?(?:token|password|passwd|secret|key|sig|signature)=)[^&\s"'\\]+/giu,
    `$1${REMOVED}`,
  ],
  // name="value", and what it becomes inside of JSON that stands in a string of JSON.
  [
    new RegExp(`(${NAMED}\\\\*["']?\\s*[:=]\\s*)(\\\\*["'])(?:(?!(?<!\\\\)\\2)[\\s\\S])+(?<!\\\\)\\2`, 'giu'),
    `$1$2${REMOVED}$2`,
  ],
  // name=value, and headers, whose value goes to the end of their line.
  [new RegExp(`(${NAMED}=)[^\\s&,;"'\\\\]+`, 'giu'), `$1${REMOVED}`],
  [
    /(\b(?:set-cookie|cookie|authorization|proxy-authorization|x-[\w-]*(?:key|token|auth)):[ \t]*)(?!\[removed\])[^\r\n"\\]+/giu,
    `$1${REMOVED}`,
  ],
];

/** The values of variables that hold secrets: wherever else they stand, they are removed as well. */
export function secretValues(env: Readonly<Record<string, string | undefined>>): string[] {
  const values = Object.entries(env).flatMap(([name, value]) =>
    SECRET_NAME.test(name) && value !== undefined ? [value, ...value.split(/[\s,]+/u)] : [],
  );
  return [...new Set(values)]
    .filter((value) => value.length >= LEAST_SECRET_CHARACTERS)
    .sort((a, b) => b.length - a.length);
}

/** `text` without what looks like a secret, or is one of `known`. */
export function withoutSecrets(text: string, known: readonly string[] = []): string {
  let clean = text;
  for (const secret of known) {
    for (const form of formsOf(secret)) clean = clean.replaceAll(form, REMOVED);
  }
  for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
  return clean;
}

/** As it is, as it stands in JSON and in URLs, and as people encode it. */
function formsOf(secret: string): Set<string> {
  const bytes = Buffer.from(secret);
  const inJson = JSON.stringify(secret).slice(1, -1);
  return new Set([
    inJson,
    JSON.stringify(inJson).slice(1, -1),
    secret,
    encodeURIComponent(secret),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    bytes.toString('hex'),
  ]);
}

/** Settings as they may be shown: secrets are removed by the names of their members, and by how they look. */
export function shownSettings(settings: unknown, known: readonly string[] = []): unknown {
  if (typeof settings === 'string') return withoutSecrets(settings, known);
  if (Array.isArray(settings)) return settings.map((one) => shownSettings(one, known));
  if (typeof settings !== 'object' || settings === null) return settings;
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      SECRET_NAME.test(name) && value !== undefined ? REMOVED : shownSettings(value, known),
    ]),
  );
}
