/**
 * How much of its service a session has: `full`; `reduced`: fewer paths than it had, or worse ones, or this end is short of
 * something; `minimal`: one path of several, so that the next loss stops it; `none`: no path carries data now.
 */
export type ServiceLevelName = 'full' | 'reduced' | 'minimal' | 'none';

/** From the best to the worst. */
export const SERVICE_LEVELS: readonly ServiceLevelName[] = ['full', 'reduced', 'minimal', 'none'];

export interface ServiceLevel {
  readonly level: ServiceLevelName;
  /** Why it is not `full`, in words; '' when it is. */
  readonly reason: string;
}
