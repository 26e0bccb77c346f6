/**
 * Shapes of the control messages for `checkShape`: which fields nest, repeat or are text. A test reads the .proto files
 * and holds this table against them.
 */
import type { FieldShape, WireShape } from '../codec/wire-shape.js';
import { CONTROL_LIMITS as MAX } from '../limits/wire-limits.js';

const TEXT: FieldShape = { text: true };
const CAPABILITIES: FieldShape = { packed: true, max: MAX.capabilities };
const REQUEST_IDS: FieldShape = { packed: true, max: MAX.requestIds };
const RELAY_IDS: FieldShape = { max: MAX.relayIds };
const METADATA: FieldShape = { message: { 1: TEXT, 2: TEXT }, max: MAX.metadataEntries };
const LEAF: FieldShape = { message: {} };
const REASON_IN_2: FieldShape = { message: { 2: TEXT } };
const ERROR_DETAIL: FieldShape = { message: { 3: TEXT } };
const ERROR_IN_3: FieldShape = { message: { 3: ERROR_DETAIL } };
const PATH_STATUS: WireShape = { 3: TEXT };
const SERVER_ANNOUNCEMENT: WireShape = { 1: TEXT, 2: TEXT, 3: CAPABILITIES, 5: TEXT, 7: METADATA };

export const KCP_MESSAGE_SHAPE: WireShape = {
  1: LEAF, // header
  10: {
    message: {
      1: { packed: true, max: MAX.versions },
      2: CAPABILITIES,
      3: LEAF, // limits
      5: { text: true, max: MAX.mechanisms },
      7: { message: { 6: LEAF } }, // join
      8: TEXT,
      10: { message: { 3: LEAF } }, // early
    },
  }, // client_hello
  11: { message: { 2: CAPABILITIES, 3: LEAF, 9: TEXT } }, // server_hello
  12: { message: { 1: TEXT } }, // auth_challenge
  13: { message: { 1: TEXT } }, // auth_response
  14: ERROR_DETAIL, // error
  15: REASON_IN_2, // close
  16: LEAF, // ping
  17: LEAF, // pong
  20: { message: { 2: TEXT, 3: TEXT, 6: CAPABILITIES, 9: METADATA } }, // add_path
  21: { message: { 3: ERROR_DETAIL, 5: TEXT, 6: CAPABILITIES } }, // add_path_result
  22: REASON_IN_2, // remove_path
  23: ERROR_IN_3, // remove_path_result
  24: { message: PATH_STATUS }, // path_status
  25: REASON_IN_2, // path_dead
  26: LEAF, // list_paths
  27: { message: { 1: { message: PATH_STATUS, max: MAX.listedPaths } } }, // path_list
  30: { message: { 4: METADATA, 6: LEAF } }, // stream_opened
  31: LEAF, // raw_packet
  32: ERROR_IN_3, // raw_packet_result
  33: { message: { 3: { message: {}, max: MAX.contributionRanges } } }, // contribution_grant
  34: LEAF, // contribution_grant_result
  40: { message: { 3: TEXT } }, // content_start
  41: LEAF, // content_digests
  42: LEAF, // range_request
  43: { message: { 2: REQUEST_IDS } }, // range_cancel
  44: { message: { 2: REQUEST_IDS, 3: ERROR_DETAIL } }, // range_refused
  45: { message: { 3: { message: {}, max: MAX.sources } } }, // content_progress
  46: ERROR_IN_3, // content_end
  47: { message: { 4: TEXT } }, // server_untrusted
  48: LEAF, // content_resume
  50: { message: { 1: TEXT } }, // health_report
  51: { message: SERVER_ANNOUNCEMENT }, // server_announcement
  52: { message: { 1: CAPABILITIES, 2: TEXT } }, // server_query
  53: { message: { 1: { message: SERVER_ANNOUNCEMENT, max: MAX.listedServers } } }, // server_list
  54: LEAF, // capacity_report
  55: REASON_IN_2, // scale_request
  56: ERROR_IN_3, // scale_result
  57: LEAF, // key_update
  60: { message: { 1: RELAY_IDS, 2: TEXT } }, // relay_open
  61: LEAF, // relay_opened
  62: { message: { 1: RELAY_IDS } }, // relay_close
  63: LEAF, // relay_notice
  70: { message: { 1: TEXT, 2: TEXT } }, // standby
};

export const PATH_TOKEN_SHAPE: WireShape = {
  2: TEXT,
  5: CAPABILITIES,
  9: { message: { 1: { text: true, max: MAX.anchors } } },
};
export const CONTENT_GRANT_SHAPE: WireShape = { 3: TEXT };
export const SESSION_TICKET_SHAPE: WireShape = { 5: TEXT, 6: { max: MAX.grantKeys }, 7: TEXT };
export const SIGNED_ENVELOPE_SHAPE: WireShape = { 4: { max: MAX.certificates } };
