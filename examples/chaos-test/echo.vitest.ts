import { forEachSeed } from '@kwik/testbed/chaos';
import { test } from 'vitest';
import { tenMessagesComeBack } from './echo.js';

// … and under vitest.
test('ten messages come back under any faults', () => forEachSeed({ seeds: 5 }, tenMessagesComeBack), 60_000);
