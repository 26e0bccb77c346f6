/**
 * Clients as their users write them, none of which knows of KWIK: `clients.mjs NAME PORT [FILE]`. Prints what came, as JSON.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import process from 'node:process';
import grpc from '@grpc/grpc-js';
import Redis from 'ioredis';
import mysql from 'mysql2/promise';
import pg from 'pg';
import ssh2 from 'ssh2';
import { fetch as undiciFetch, request as undiciRequest } from 'undici';
import WebSocket from 'ws';

const [name, portText, file] = process.argv.slice(2);
const port = Number(portText);
const host = '127.0.0.1';
const url = `http://${host}:${port}/file`;

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

async function bodyOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function get(module, options) {
  return new Promise((done, failed) => {
    module.get(options, (answer) => bodyOf(answer).then(done, failed)).on('error', failed);
  });
}

const CLIENTS = {
  async pg() {
    const client = new pg.Client({ host, port, user: 'kwik', database: 'postgres' });
    await client.connect();
    const sum = await client.query('SELECT sum(n)::int AS sum FROM generate_series(1, $1::int) AS n', [1000]);
    const large = await client.query("SELECT repeat('x', 2000000) AS x");
    await client.end();
    const pool = new pg.Pool({ host, port, user: 'kwik', database: 'postgres', max: 5 });
    const many = await Promise.all(Array.from({ length: 20 }, (_, n) => pool.query('SELECT $1::int AS n', [n])));
    await pool.end();
    return [sum.rows[0].sum, large.rows[0].x.length, many.map(({ rows }) => rows[0].n).join()];
  },
  async mysql2() {
    const connection = await mysql.createConnection({ host, port, user: 'kwik', database: 'test' });
    const [rows] = await connection.query("SELECT 6 * 7 AS answer, REPEAT('x', 1000000) AS x");
    const [prepared] = await connection.execute('SELECT ? + 1 AS next', [1]);
    await connection.end();
    return [rows[0].answer, rows[0].x.length, Number(prepared[0].next)];
  },
  async ioredis() {
    const redis = new Redis(port, host);
    await redis.set('key', 'x'.repeat(1_000_000));
    const pipeline = redis.pipeline();
    for (let count = 0; count < 1000; count += 1) pipeline.incr('count');
    await pipeline.exec();
    const values = [(await redis.get('key')).length, await redis.get('count')];
    await redis.quit();
    return values;
  },
  async undici() {
    const { body } = await undiciRequest(url);
    const builtIn = await (await globalThis.fetch(url)).arrayBuffer();
    const fetched = await (await undiciFetch(url)).arrayBuffer();
    return [Buffer.from(await body.arrayBuffer()), Buffer.from(builtIn), Buffer.from(fetched)].map(sha256);
  },
  async http() {
    const agent = new http.Agent({ keepAlive: true });
    const bodies = [
      await get(http, { host, port, path: '/file', agent }),
      await get(http, { host, port, path: '/file' }),
    ];
    agent.destroy();
    return bodies.map(sha256);
  },
  async https() {
    return String(await get(https, { host, port, path: '/', ca: readFileSync(file), servername: 'inner.example' }));
  },
  async http2() {
    const client = http2.connect(`https://${host}:${port}`, { ca: readFileSync(file), servername: 'inner.example' });
    const bodies = await Promise.all(
      Array.from({ length: 10 }, (_, n) => bodyOf(client.request({ ':path': `/${n}` }))),
    );
    client.close();
    return bodies.map(String);
  },
  async grpc() {
    const identity = (bytes) => bytes;
    const method = { requestSerialize: identity, requestDeserialize: identity, path: '/echo/Echo' };
    const echo = { ...method, responseSerialize: identity, responseDeserialize: identity, requestStream: false };
    const Client = grpc.makeGenericClientConstructor({ Echo: { ...echo, responseStream: false } }, 'echo');
    const client = new Client(`${host}:${port}`, grpc.credentials.createInsecure());
    const call = (bytes) =>
      new Promise((done, failed) => client.Echo(bytes, (error, answer) => (error ? failed(error) : done(answer))));
    const answers = await Promise.all([call(Buffer.from('a')), call(Buffer.alloc(1_000_000, 'b'))]);
    client.close();
    return answers.map((answer) => answer.length);
  },
  ssh2() {
    const client = new ssh2.Client();
    return new Promise((done, failed) => {
      client.on('error', failed).on('ready', () => {
        client.exec('cat', (error, channel) => {
          if (error) return failed(error);
          bodyOf(channel).then((bytes) => {
            client.end();
            done(sha256(bytes) === sha256(Buffer.alloc(1_000_000, 'z')));
          }, failed);
          channel.end(Buffer.alloc(1_000_000, 'z'));
        });
      });
      client.connect({ host, port, username: process.env.SSH_USER, privateKey: readFileSync(file) });
    });
  },
  ws() {
    const socket = new WebSocket(`ws://${host}:${port}`);
    return new Promise((done, failed) => {
      socket.on('error', failed).on('open', () => socket.send(Buffer.alloc(500_000, 'w')));
      socket.on('message', (data) => {
        socket.close();
        done(data.length);
      });
    });
  },
};

process.stdout.write(JSON.stringify(await CLIENTS[name]()));
