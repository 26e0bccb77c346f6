import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';

import { findCompiler, succeeds } from './native-tools.js';

export type Support = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/**
 * Whether network namespaces with emulated links can be made here: Linux, root, `ip`, tun devices, a C compiler. Tries
 * a namespace out, for containers often have root without the right to make one.
 */
export async function networkLabSupport(): Promise<Support> {
  if (process.platform !== 'linux') return no('network namespaces are of Linux');
  if (process.getuid?.() !== 0) return no('network namespaces need root');
  if (!(await succeeds('ip', ['-V']))) return no('there is no ip (iproute2)');
  if (!(await isUsable('/dev/net/tun'))) return no('there is no /dev/net/tun');
  if ((await findCompiler()) === undefined) return no('there is no C compiler');
  const name = `kwik-${process.pid}-probe-${randomUUID()}`;
  if (!(await succeeds('ip', ['netns', 'add', name]))) return no('network namespaces cannot be made');
  const hasTun = await succeeds('ip', ['netns', 'exec', name, 'ip', 'tuntap', 'add', 'dev', 'probe', 'mode', 'tun']);
  await succeeds('ip', ['netns', 'del', name]);
  return hasTun ? { ok: true } : no('tun devices cannot be made');
}

/** Whether the kernel speaks MPTCP (RFC 8684) and lets it be used; asks nothing else. */
export async function mptcpSupport(): Promise<Support> {
  try {
    const enabled = await readFile('/proc/sys/net/mptcp/enabled', 'utf8');
    if (enabled.trim() !== '1') return no('MPTCP is switched off (net.mptcp.enabled)');
  } catch {
    return no('the kernel has no MPTCP');
  }
  return (await succeeds('ip', ['mptcp', 'limits'])) ? { ok: true } : no('ip has no mptcp command');
}

function no(reason: string): Support {
  return { ok: false, reason };
}

async function isUsable(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
