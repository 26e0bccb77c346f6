/** Enough calls between looks at the clock that looking costs nothing. */
const BATCH_MS = 1;

/** How often `work` can be called in a second: called for `forMs`, after as long a warm-up for the compiler. */
export function callsPerSecond(work: () => void, forMs: number): number {
  let batch = 1;
  for (const end = performance.now() + forMs; performance.now() < end; ) {
    const start = performance.now();
    for (let i = 0; i < batch; i += 1) work();
    if (performance.now() - start < BATCH_MS) batch *= 2;
  }
  let calls = 0;
  const start = performance.now();
  let now = start;
  while (now - start < forMs) {
    for (let i = 0; i < batch; i += 1) work();
    calls += batch;
    now = performance.now();
  }
  return (calls * 1000) / (now - start);
}
