import { get, kwikAgent, startServer } from './http.js';

const server = await startServer((request, response) => response.end(`hello from ${request.url ?? ''}`));
const agent = kwikAgent();
const paths = Array.from({ length: 20 }, (_, index) => `/${index}`);
const answers = await Promise.all(paths.map((path) => get(agent, server.port, path)));
console.log(answers.length, 'answers over one session;', answers.at(-1));
agent.destroy();
await server.stop();
