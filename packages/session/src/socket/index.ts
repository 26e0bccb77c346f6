/** What `@kwik/socket` is built on: nothing here is of use to a program that opens sessions itself. */
export { ByteStream } from './byte-stream.js';
export { dialAddresses, DialEndpoints, dialServiceFrom, type AddressedTarget } from './dial-addresses.js';
export { bindPort, listenOn, type BindOptions, type BoundPort } from './listen-on.js';
export { partNow, type Transmitter } from './part-now.js';
export { sessionAddresses, type SessionAddresses } from './session-addresses.js';
