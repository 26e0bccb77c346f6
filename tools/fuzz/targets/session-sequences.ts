import { crc32 } from 'node:zlib';
import {
  blockedFrame,
  encodePacket,
  makeStreamId,
  maxStreamsFrame,
  pingFrame,
  PRIMARY_PATH_ID,
  proto,
  rawFrame,
  resetStreamFrame,
  stopSendingFrame,
  streamFrame,
  windowUpdateFrame,
} from '@kwik/wire';
import { MemoryLedger } from '../../../packages/session/src/core/costs/memory-ledger.js';
import type { DataPlane } from '../../../packages/session/src/core/data/data-plane.js';
import { connect, planeOf, SECONDARY_PATH_ID } from '../../../packages/session/src/test-support/data-link.js';
import { rule, type FuzzTarget } from '../target.js';

/** What a peer does again and again; an input is a list of steps, eight bytes each. */
const STEPS = [
  'single-bytes',
  'pieces',
  'backwards',
  'session-window',
  'stream-window',
  'blocked',
  'max-streams',
  'ping',
  'reset',
  'stop',
  'raw',
  'read',
] as const;
type StepKind = (typeof STEPS)[number];

interface Step {
  readonly kind: StepKind;
  readonly path: 0 | 1;
  readonly stream: number;
  readonly offset: number;
  readonly length: number;
  /** Packets of as many frames as fit. */
  readonly packets: number;
}

const STEP_BYTES = 8;
/** An input that takes longer says no more. */
const MAX_STEPS = 12;
const MAX_REPEATED_PACKETS = 8;
const FRAMES = 200;
/** Honest windows, so that what is wasted is not held up by small ones. */
const LIMITS = {
  streamWindowBytes: 2 * 1024 * 1024,
  pathWindowBytes: 4 * 1024 * 1024,
  sendBufferBytes: 50_000,
  maxStreams: 256,
  maxPacketBytes: 65_536,
};
const PATHS = [PRIMARY_PATH_ID, SECONDARY_PATH_ID];
/** Of the overhead that no bytes explain, as much as an input can cause several times. */
const FREE_OVERHEAD_BYTES = 1024 * 1024;

/**
 * Sequences of a peer that spends the other's memory and time, at a primary that reads only when it is told to. An input is
 * judged by its time and its memory as all are; here what the ledger says is held against what the streams hold.
 */
export const sessionSequences: FuzzTarget = {
  name: 'session-sequences',
  shape: 'bytes',
  seeds: () => [
    ...STEPS.map((kind) => encode([{ kind, path: 0, stream: 1, offset: 9, length: 30, packets: 4 }])),
    encode(STEPS.map((kind, index) => ({ kind, path: 0, stream: index, offset: index, length: 700, packets: 8 }))),
    encode(
      Array.from({ length: MAX_STEPS }, (_, index) => ({
        kind: 'single-bytes' as const,
        path: 0 as const,
        stream: index,
        offset: 400 * index,
        length: 1,
        packets: 8,
      })),
    ),
    encode(
      [0, 1, 0, 1].map((path) => ({
        kind: 'pieces' as const,
        path: path as 0 | 1,
        stream: 2,
        offset: path,
        length: 3,
        packets: 8,
      })),
    ),
  ],
  run(input) {
    const ledger = new MemoryLedger({ freeOverheadBytes: FREE_OVERHEAD_BYTES });
    let ended = '';
    const account = ledger.open(({ code }) => (ended = code));
    const plane = planeOf('primary', LIMITS, { account });
    for (const path of PATHS) connect(plane, LIMITS, path);
    const seen = new Set<string>();
    let number = 0n;
    for (const step of decode(input)) {
      for (let packet = 0; packet < step.packets && ended === ''; packet++) {
        const content = step.kind === 'read' ? [] : framesOf(step, packet);
        const bytes = encodePacket({ packetNumber: number++, type: proto.PacketType.DATA, frames: content }, crc32);
        plane.handleChunk(PATHS[step.path]!, 0, bytes, Number(number));
      }
      act(plane, step, seen);
      checkAccount(plane, account.heldBytes, account.overheadBytes, ended);
    }
    account.close();
    const { heldBytes, overheadBytes } = ledger.use;
    rule(heldBytes === 0 && overheadBytes === 0, 'a session that is over is charged');
    return [...seen, ended].sort().join(' ');
  },
};

/** What is charged is what streams hold, and within the bounds. */
function checkAccount(plane: DataPlane, held: number, overhead: number, ended: string): void {
  if (ended !== '') return;
  let bytes = 0;
  for (const { receive } of plane.streams.values()) bytes += receive?.bufferedBytes ?? 0;
  rule(held === bytes, `${bytes} bytes are held, and ${held} are charged`);
  rule(held <= PATHS.length * LIMITS.pathWindowBytes, 'more is held than the windows allow');
  rule(overhead <= FREE_OVERHEAD_BYTES + held, 'pieces cost more than a session may spend on them');
}

function act(plane: DataPlane, step: Step, seen: Set<string>): void {
  for (let event = plane.nextEvent(); event !== undefined; event = plane.nextEvent()) {
    seen.add(event.kind === 'violation' ? event.error.code : event.kind);
    if (event.kind === 'violation') {
      rule(event.error.code !== 'ERR_KWIK_INTERNAL', `an inner fault: ${event.error.stack ?? event.error.message}`);
      plane.removePath(event.pathId);
    }
  }
  if (step.kind === 'read') {
    for (const stream of [...plane.streams.values()]) {
      for (let reads = 0; reads < step.length && plane.read(stream, step.length) !== undefined; reads++);
    }
  }
  for (const path of PATHS) {
    for (let packets = 0; packets < 4; packets++) if (plane.pollPacket(path, 1200, step.offset) === undefined) break;
  }
}

function framesOf(step: Step, packet: number): proto.Frame[] {
  const first = packet * FRAMES;
  return Array.from({ length: step.length > 200 ? 20 : FRAMES }, (_, index) => frameOf(step, first + index));
}

function frameOf({ kind, stream, offset, length }: Step, index: number): proto.Frame {
  const streamId = makeStreamId(BigInt(stream), 'client', false);
  const piece = (at: number, bytes: number): proto.Frame =>
    streamFrame({ streamId, offset: BigInt(at), data: new Uint8Array(bytes) });
  switch (kind) {
    case 'single-bytes':
      return piece(1 + offset + 2 * index, 1);
    case 'pieces':
      return piece(offset + index * length, length);
    case 'backwards':
      return piece(Math.max(0, 1_000_000 - offset - index * (length + 1)), length);
    case 'session-window':
      return windowUpdateFrame({ maxOffset: BigInt(1e9 + index) });
    case 'stream-window':
      return windowUpdateFrame({ streamId, maxOffset: BigInt(1e9 + index) });
    case 'blocked':
      return index % 2 === 0
        ? blockedFrame({ limit: BigInt(offset) })
        : blockedFrame({ streamId, limit: BigInt(offset) });
    case 'max-streams':
      return maxStreamsFrame({ unidirectional: index % 2 === 0, maxStreams: BigInt(1000 + index) });
    case 'ping':
      return pingFrame({ sequence: BigInt(index) });
    case 'reset':
      return resetStreamFrame({
        streamId: makeStreamId(BigInt(stream + index), 'client', false),
        code: 1,
        finalSize: 0n,
      });
    case 'stop':
      return stopSendingFrame({ streamId: makeStreamId(BigInt(stream + index), 'client', false), code: 1 });
    case 'raw':
    case 'read':
      return rawFrame({ data: new Uint8Array(length), sequence: BigInt(index) });
  }
}

function encode(steps: readonly Step[]): Uint8Array {
  const bytes = new Uint8Array(steps.length * STEP_BYTES);
  const view = new DataView(bytes.buffer);
  steps.forEach(({ kind, path, stream, offset, length, packets }, index) => {
    const at = index * STEP_BYTES;
    view.setUint8(at, STEPS.indexOf(kind) + STEPS.length * path);
    view.setUint8(at + 1, stream);
    view.setUint16(at + 2, offset);
    view.setUint16(at + 4, length);
    view.setUint8(at + 6, packets);
  });
  return bytes;
}

function decode(input: Uint8Array): Step[] {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const steps: Step[] = [];
  for (let at = 0; at + STEP_BYTES <= input.length && steps.length < MAX_STEPS; at += STEP_BYTES) {
    const first = view.getUint8(at);
    steps.push({
      kind: STEPS[first % STEPS.length]!,
      path: Math.floor(first / STEPS.length) % 2 === 0 ? 0 : 1,
      stream: view.getUint8(at + 1),
      offset: view.getUint16(at + 2),
      length: 1 + (view.getUint16(at + 4) % 3000),
      packets: 1 + (view.getUint8(at + 6) % MAX_REPEATED_PACKETS),
    });
  }
  return steps;
}
