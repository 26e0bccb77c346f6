export { HttpAgent, HttpsAgent } from './agents.js';
export { kwikConnector, type Connector, type ConnectorOptions, type ConnectorRequest } from './connector.js';
export { serveHttp, type HttpServer } from './serve-http.js';
