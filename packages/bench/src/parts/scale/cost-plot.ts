import { lineChart } from '../../harness/svg.js';
import type { Plot } from '../../part.js';
import type { Measured } from './measure.js';

/** Cost of a session against their number: memory and CPU of the server. */
export function costPlots(all: readonly Measured[]): Plot[] {
  const line = (name: string, value: (measured: Measured) => number) => ({
    name,
    dots: true,
    // The memory of few sessions is lost in what the process does anyway, and may come out as none or less.
    points: all.map((measured) => [measured.sessions, value(measured)] as const).filter(([, cost]) => cost > 0),
  });
  const x = { label: 'sessions', log: true };
  return [
    {
      name: 'scale-memory',
      svg: lineChart({
        title: 'Resident memory of the server per session',
        x,
        y: { label: 'kB', min: 0 },
        series: [line('session', ({ kwik }) => kwik.kilobytes), line('driver', ({ driver }) => driver.kilobytes)],
      }),
    },
    {
      name: 'scale-cpu',
      svg: lineChart({
        title: 'CPU of the server per session',
        x,
        y: { label: 'µs', min: 0 },
        series: [
          line('handshake', ({ kwik }) => kwik.serverMicros),
          line('handshake, driver', ({ driver }) => driver.serverMicros),
          line('a second of idling', ({ sessions, idleCpu }) => (idleCpu / sessions) * 1e6),
        ],
      }),
    },
  ];
}
