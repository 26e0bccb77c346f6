import { chmod } from 'node:fs/promises';

/** Of a user who owns nothing: nobody's, on all systems. */
const NOBODY = 65_534;

/** Runs without the rights of root, which could read everything; others can still find what lies in `folder`. */
export async function unprivileged<T>(folder: string, work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work();
  await chmod(folder, 0o755);
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}
