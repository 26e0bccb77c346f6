import type { KwikError } from '@kwik/wire';
import type { BackendConnection } from '../backends/backend.js';
import type { Pacer } from './pacer.js';
import type { PathSampler } from './path-sampler.js';
import type { Sender } from './sender.js';
import type { TrafficGuard } from './traffic-guard.js';

/** Samples the path while there is something to learn, and lets the pacer and the guard judge by it. */
export class PathWatch {
  constructor(
    private readonly backend: BackendConnection,
    private readonly sampler: PathSampler,
    private readonly pacer: Pacer,
    private readonly sender: Sender,
    private readonly guard: TrafficGuard,
  ) {}

  sample(now: number): void {
    const before = this.sampler.latest.retransmittedBytes;
    const stats = this.backend.pathStats();
    if (stats === undefined) return;
    this.sampler.record(stats, now, this.sender);
    this.pacer.update(this.sampler.model(this.sender.inFlightBytes, this.sender.takeBusy()), now);
    this.sender.onSample(stats.retransmittedBytes - before, now);
  }

  /** If a sample is due, takes it. The error to close with when the peer sends too much that is of no use. */
  problem(deliveredBytes: number, now: number): KwikError | undefined {
    const { guard, sampler, sender } = this;
    const news = { packets: guard.unjudgedPackets, quietMs: sender.quietFor(now), settled: sender };
    if (!sampler.isDue(now, news)) return undefined;
    this.sample(now);
    return guard.problem({ ...sampler.latest, deliveredBytes }, now);
  }
}
