import { compileNativeTools, mptcpSupport, networkLabSupport } from '../netns/namespaces.js';
import type { LinkBed, LinkSpec } from './link-bed.js';
import { NetnsBed } from './netns-bed.js';
import { UdpBed } from './udp-bed.js';

/** `KWIK_BENCH_LINKS=udp` takes relays where namespaces are to be had, too. */
const CHOICE = 'KWIK_BENCH_LINKS';

/** Makes the beds of one part; `await using` it. */
export interface Beds extends AsyncDisposable {
  /** Each environment gets a fresh one. */
  start(specs: readonly LinkSpec[]): Promise<LinkBed>;
  readonly mptcp: boolean;
  /** What cannot be measured here, and why. */
  readonly skipped: readonly string[];
}

/** Links between network namespaces where the machine allows it, UDP relays elsewhere. */
export async function chooseBeds(): Promise<Beds> {
  const support =
    process.env[CHOICE] === 'udp' ? ({ ok: false, reason: `${CHOICE} says udp` } as const) : await networkLabSupport();
  if (!support.ok) {
    return {
      start: (specs) => UdpBed.start(specs),
      mptcp: false,
      skipped: [
        `MPTCP, and links between network namespaces (UDP relays on loopback in their place): ${support.reason}`,
      ],
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  const [tools, mptcp] = await Promise.all([compileNativeTools(), mptcpSupport()]);
  return {
    start: (specs) => NetnsBed.start(specs, tools),
    mptcp: mptcp.ok,
    skipped: mptcp.ok ? [] : [`MPTCP: ${mptcp.reason}`],
    [Symbol.asyncDispose]: () => tools.dispose(),
  };
}
