import type { Answer } from 'dns-packet';
import { sameName } from '../dns/dns-client.js';

/** With the question and all headers one packet of Ethernet. Servers that find no place here say once more what is known. */
const MAX_BYTES = 1400;
/** Type, class, time to live and length of a record (RFC 1035, 4.1.3). */
const FIXED_BYTES = 10;
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
  let bytes = 0;
  for (const { instance, ttlS, untilMs } of heard) {
    const leftS = Math.floor((untilMs - now) / 1000);
    if (leftS * 2 <= ttlS || !isFaithful(instance)) continue;
    bytes += encodedBytes(service) + FIXED_BYTES + encodedBytes(instance);
    if (bytes > MAX_BYTES) break;
    answers.push({ name: service, type: 'PTR', ttl: leftS, data: instance });
  }
  return answers;
}

/** Of a name that is written out, as dns-packet does: with the length of its first label, and the zero at its end. */
function encodedBytes(name: string): number {
  return Buffer.byteLength(name) + 2;
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
