import type { Scene } from './scene/scene.js';

/** One thing that an attack looks at: what it saw, beside what is right. */
export interface Finding {
  readonly what: string;
  readonly saw: string;
  readonly right: string;
  readonly ok: boolean;
}

/** Somebody who does harm to a running server, or to a running client. */
export interface Attack {
  readonly name: string;
  /** Who attacks whom, and how: one sentence. */
  readonly about: string;
  /** In the gate's set: it takes a few seconds, and its verdict does not hang on how fast the machine is. */
  readonly quick: boolean;
  run(scene: Scene): Promise<readonly Finding[]>;
}

export function finding(what: string, saw: string | number, right: string, ok: boolean): Finding {
  return { what, saw: String(saw), right, ok };
}

/** A figure that has to stay at or below a bound. */
export function atMost(what: string, saw: number, bound: number, unit: string): Finding {
  return finding(what, `${round(saw)} ${unit}`, `at most ${bound} ${unit}`, saw <= bound);
}

/** A figure that has to reach a bound. */
export function atLeast(what: string, saw: number, bound: number, unit: string): Finding {
  return finding(what, `${round(saw)} ${unit}`, `at least ${round(bound)} ${unit}`, saw >= bound);
}

const round = (value: number): number => Math.round(value * 10) / 10;
