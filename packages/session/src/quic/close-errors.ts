import type { ErrorCode, KwikError } from '@kwik/wire';
import type { CloseInfo } from '../api/session.js';
import * as errors from './errors.js';

/** RFC 9000, section 20.1. */
const INTERNAL_ERROR = 0x1;
/** RFC 9001, section 4.8: CRYPTO_ERROR with the alert bad_certificate. */
const BAD_CERTIFICATE = 0x12a;

/** The peer fell silent, or all ways to it did. */
const SILENCE: readonly ErrorCode[] = ['ERR_KWIK_IDLE_TIMEOUT', 'ERR_KWIK_PATH_DEAD', 'ERR_KWIK_NO_PATH'];

/** How a session's end looks there. `ending`: what this end's program asked for. */
export function errorOfClose(info: CloseInfo, ending: errors.ConnectionError | undefined): errors.ErrorQUICConnection {
  const reason = new TextEncoder().encode(info.reason);
  const cause = info.error === undefined ? {} : { cause: info.error };
  switch (info.by) {
    case 'local': {
      const data = ending ?? { isApp: true, errorCode: info.code, reason };
      return new errors.ErrorQUICConnectionLocal(`Locally closed with ${kind(data)} code ${data.errorCode}`, {
        data: { ...data },
      });
    }
    case 'peer': {
      if (info.error?.code === 'ERR_KWIK_IDLE_TIMEOUT') {
        return new errors.ErrorQUICConnectionIdleTimeout(info.reason, cause);
      }
      if (info.error?.code === 'ERR_KWIK_CERTIFICATE') {
        const data = { isApp: false, errorCode: BAD_CERTIFICATE, reason };
        return new errors.ErrorQUICConnectionPeerTLS(`Peer closed with TLS code ${BAD_CERTIFICATE}`, {
          data,
          ...cause,
        });
      }
      const isApp = info.error === undefined;
      const data = { isApp, errorCode: isApp ? info.code : INTERNAL_ERROR, reason };
      return new errors.ErrorQUICConnectionPeer(`Peer closed with ${kind(data)} code ${data.errorCode}`, {
        data,
        ...cause,
      });
    }
    case 'error': {
      if (info.error !== undefined && SILENCE.includes(info.error.code)) {
        return new errors.ErrorQUICConnectionIdleTimeout(info.reason, cause);
      }
      if (info.error?.code === 'ERR_KWIK_CERTIFICATE') {
        const data = { isApp: false, errorCode: BAD_CERTIFICATE, reason };
        return new errors.ErrorQUICConnectionLocalTLS(info.reason, { data, ...cause });
      }
      const data = { isApp: false, errorCode: INTERNAL_ERROR, reason };
      return new errors.ErrorQUICConnectionLocal(`Failed connection due to local error: ${info.reason}`, {
        data,
        ...cause,
      });
    }
  }
}

/** Why a client could not be made. */
export function errorOfDial(error: KwikError): errors.ErrorQUIC {
  const options = { cause: error };
  switch (error.code) {
    case 'ERR_KWIK_TIMEOUT':
      return new errors.ErrorQUICClientCreateTimeout(error.message, options);
    case 'ERR_KWIK_INVALID_ARGUMENT':
      return new errors.ErrorQUICClientInvalidArgument(error.message, options);
    case 'ERR_KWIK_CREDENTIALS':
      return new errors.ErrorQUICConfig(error.message, options);
    case 'ERR_KWIK_CERTIFICATE':
      return new errors.ErrorQUICConnectionLocalTLS(error.message, options);
    case 'ERR_KWIK_AUTH_FAILED':
    case 'ERR_KWIK_CONNECTION_REFUSED':
      return new errors.ErrorQUICConnectionPeer(error.message, options);
    case 'ERR_KWIK_IDLE_TIMEOUT':
      return new errors.ErrorQUICConnectionIdleTimeout(error.message, options);
    default:
      return new errors.ErrorQUICConnectionLocal(error.message, options);
  }
}

const kind = (error: errors.ConnectionError): string => (error.isApp ? 'application' : 'transport');
