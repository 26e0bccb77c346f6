import { test } from 'node:test';
import { forEachSeed } from '@kwik/testbed/chaos';
import { tenMessagesComeBack } from './echo.js';

// The same under node:test …
await test('ten messages come back under any faults', () => forEachSeed({ seeds: 5 }, tenMessagesComeBack));
