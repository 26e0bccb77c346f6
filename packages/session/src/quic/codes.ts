import type { StreamCodes } from './types.js';

/** The defaults of @matrixai/quic: code 0 for every reason, and an Error that names the code. */
export function codesOf(given: { [K in keyof StreamCodes]?: StreamCodes[K] | undefined }): StreamCodes {
  return {
    reasonToCode: given.reasonToCode ?? (() => 0),
    codeToReason: given.codeToReason ?? ((type, code) => new Error(`${type} ${code}`)),
  };
}
