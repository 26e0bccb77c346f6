import type { Answer } from 'dns-packet';
import { sameName } from '../dns/dns-client.js';

/** A question stays one packet of the network: of more servers than these the others say once more what is known. */
const MAX_KNOWN_ANSWERS = 24;
/** RFC 1035, 2.3.4: of a label, and of a name with the length of each label, but without the zero at its end. */
const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 254;
/** What stands for bytes that are no UTF-8, and the ends of lines, before which dns-packet drops a dot. */
const UNFAITHFUL = /[\ufffd\n\r\u2028\u2029]/;

/** An instance of a service that was heard of. */
export interface HeardInstance {
  /** As it was written. */
  readonly instance: string;
  readonly ttlS: number;
  readonly untilMs: number;
}

/**
 * What goes with a question for a service, so that those who would say just that keep silent (RFC 6762, section 7.1): the
 * instances that are known for more than half of their time yet.
 */
export function knownAnswers(service: string, heard: Iterable<HeardInstance>, now: number): Answer[] {
  const answers: Answer[] = [];
  for (const { instance, ttlS, untilMs } of heard) {
    if (answers.length >= MAX_KNOWN_ANSWERS) break;
    if (!isFaithful(instance)) continue;
    const leftS = Math.floor((untilMs - now) / 1000);
    if (leftS * 2 > ttlS) answers.push({ name: service, type: 'PTR', ttl: leftS, data: instance });
  }
  return answers;
}

/** Whether the name is encoded to what was heard. One that is not would break the packet, and every receiver drop the question. */
function isFaithful(name: string): boolean {
  const sizes = name.split('.').map((label) => Buffer.byteLength(label));
  return (
    !UNFAITHFUL.test(name) &&
    sizes.every((size) => size >= 1 && size <= MAX_LABEL_BYTES) &&
    sizes.reduce((sum, size) => sum + 1 + size, 0) <= MAX_NAME_BYTES
  );
}

/** Whether who asks for a service knows the instance already, for half of the time at least that would be said. */
export function knows(answers: readonly Answer[], service: string, instance: string, ttlS: number): boolean {
  return answers.some(
    (answer) =>
      answer.type === 'PTR' &&
      sameName(answer.name, service) &&
      typeof answer.data === 'string' &&
      sameName(answer.data, instance) &&
      (answer.ttl ?? 0) * 2 >= ttlS,
  );
}
