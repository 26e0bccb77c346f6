/** What strikes a server, its clock, its disk, its copy of the file, or its link. */
export const FAULTS = [
  ...(['kill', 'stop', 'clock', 'disk-full', 'memory'] as const),
  ...(['cut', 'one-way', 'loss', 'slow', 'delay', 'lie', 'truncate'] as const),
] as const;

export type FaultName = (typeof FAULTS)[number];
