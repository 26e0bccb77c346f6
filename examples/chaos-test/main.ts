import { forEachSeed } from '@kwik/testbed/chaos';
import { tenMessagesComeBack } from './echo.js';

const startMs = performance.now();
await forEachSeed({ seeds: 20 }, tenMessagesComeBack);
console.log(
  '20 schedules of faults in',
  Math.round(performance.now() - startMs),
  'ms: ten messages came back each time',
);
