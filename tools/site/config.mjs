/** Side bar: what a reader meets, in this order. A page that is in no group comes at the end, so that none is lost. */
const GROUPS = [
  {
    text: 'Begin',
    pages: [
      'start',
      'tutorials/first-session',
      'tutorials/file-from-three-servers',
      'tutorials/own-scheduler',
      'tutorials/web-over-two-relays',
      'tutorials/fleet-on-etcd',
      'examples/index',
      'examples/interop',
    ],
  },
  {
    text: 'How to',
    pages: [
      'how-to/certificates',
      'how-to/firewalls',
      'how-to/discovery',
      'how-to/standby',
      'how-to/relays',
      'how-to/tunnels',
      'how-to/tuning',
      'how-to/monitoring',
      'operations',
      'how-to/audit-report',
      'how-to/chaos-tests',
      'migration',
      'troubleshooting',
      'faq',
    ],
  },
  {
    text: 'Understand',
    pages: [
      'architecture',
      'discovery',
      'trust',
      'scaling',
      'overload',
      'workers',
      'explanation/failover',
      'explanation/security',
      'comparison',
      'performance',
      'simulation',
      'glossary',
    ],
  },
  { text: 'Reference', pages: ['reference/protocol', 'reference/errors', 'metrics', 'packages/*'] },
  { text: 'The project', pages: ['readiness', 'requirements', 'security-policy', 'contributing'] },
];

/**
 * @param {readonly string[]} pages All pages, without `.md`, with their titles.
 * @param {ReadonlyMap<string, string>} titles
 */
export function sideBar(pages, titles) {
  const rest = { text: 'More', pages: pagesWithoutGroup(pages) };
  const groups = rest.pages.length > 0 ? [...GROUPS, rest] : GROUPS;
  return groups.map(({ text, pages: wanted }) => ({
    text,
    items: wanted
      .flatMap((each) => (each.endsWith('/*') ? pages.filter((page) => page.startsWith(each.slice(0, -1))) : [each]))
      .filter((page) => pages.includes(page))
      .map((page) => ({ text: titles.get(page) ?? page, link: `/${page.replace(/index$/, '')}` })),
  }));
}

/** @param {readonly string[]} pages @returns {string[]} Those that no group has. */
function pagesWithoutGroup(pages) {
  const listed = GROUPS.flatMap((group) => group.pages);
  return pages.filter(
    (page) =>
      page !== 'index' &&
      !listed.includes(page) &&
      !listed.some((each) => each.endsWith('/*') && page.startsWith(each.slice(0, -1))),
  );
}

/** Three paths that meet, as on the live page; within the page, so that no browser asks for one. */
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="none" stroke="#0f7a7a" stroke-width="2" d="M2 3c6 0 6 5 12 5M2 8h12M2 13c6 0 6-5 12-5"/></svg>';

/**
 * The settings of VitePress. Nothing comes from outside: the search is local, the fonts are the reader's own.
 *
 * @param {{ source: string, out: string, cache: string, sidebar: ReturnType<typeof sideBar> }} options
 */
export function siteConfig({ source, out, cache, sidebar }) {
  return {
    title: 'KWIK',
    description: 'Several servers behave as one: a multipath transport over QUIC for Node.js',
    srcDir: source,
    outDir: out,
    cacheDir: cache,
    cleanUrls: false,
    head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(ICON)}` }]],
    lastUpdated: false,
    // Of the API's reference, which another generator writes beside it.
    ignoreDeadLinks: [/^\/api\//],
    // Text like <id> is text.
    markdown: { html: false },
    appearance: true,
    themeConfig: {
      nav: [
        { text: 'Begin', link: '/start' },
        { text: 'Protocol', link: '/reference/protocol' },
        { text: 'Errors', link: '/reference/errors' },
        { text: 'API', link: '/api/index.html', target: '_self' },
      ],
      sidebar,
      outline: { level: [2, 3] },
      search: { provider: 'local' },
      docFooter: { prev: 'Before', next: 'Next' },
    },
  };
}
