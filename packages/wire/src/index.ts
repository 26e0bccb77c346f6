export { copyOfBytes, type BytesLike } from './contracts/bytes.js';
export type * from './contracts/access.js';
export type * from './contracts/audit.js';
export type * from './contracts/clock.js';
export type * from './contracts/path-network.js';
export type * from './contracts/counters.js';
export * from './contracts/service-level.js';
export * from './contracts/diagnostics.js';
export type * from './contracts/discovery.js';
export type * from './contracts/path-transport.js';
export type * from './contracts/scheduler.js';
export * from './contracts/stream-intent.js';
export type * from './contracts/server-trust.js';
export type { Crc32 } from './codec/checksum.js';
export { DelimitedReader, type DelimitedReaderOptions, encodeDelimited } from './codec/delimited-reader.js';
export { decodeFrameList, decodePacket } from './codec/packet-decoder.js';
export { encodeFrameList, encodePacket, encodePacketInto } from './codec/packet-encoder.js';
export { PacketReader } from './codec/packet-reader.js';
export { type PacketInput, validatePacket } from './codec/packet-rules.js';
export {
  decodeContentGrant,
  decodeKcpMessage,
  decodePathToken,
  decodeSessionTicket,
  decodeSignedEnvelope,
  encodeKcpMessage,
} from './control/kcp-message.js';
export {
  CounterRegistry,
  CountSums,
  OTHERS,
  sumTraffic,
  TrafficSums,
  type Departed,
} from './diagnostics/counter-registry.js';
export { DiagnosticPublisher, type DiagnosticChannel } from './diagnostics/diagnostic-publisher.js';
export * from './diagnostics/offset-map.js';
export * from './errors/error-classes.js';
export * from './errors/error-table.js';
export * from './errors/kwik-error.js';
export * from './frames/index.js';
export { checkSpiffePattern, isSpiffeUri, parseSpiffeId, type SpiffeId } from './identity/spiffe-id.js';
export { svidName, type SvidName } from './identity/svid.js';
export * from './ids/ids.js';
export * from './limits/wire-limits.js';
export { checkArgument, checkOptions, type OptionRules } from './options/check-options.js';
export * as optionRules from './options/option-rule.js';
export * as proto from './proto.js';
export * from './sizing/packet-sizing.js';
