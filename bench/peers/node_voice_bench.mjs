// SPDX-License-Identifier: Apache-2.0

// The traffic of voice_bench.cc in Node, on its `ws`, both ends in this process and on one thread:
//
//   node node_voice_bench.mjs paced FROM TO     sessions of 25 frames a second, 200 more at a time
//   node node_voice_bench.mjs flat SESSIONS     each sends as fast as it can
//
// Prints rows as voice_load.h does. Each frame is encoded anew; messages are not compressed, and their text is checked
// for UTF-8 by `ws`, as libwebsockets does.

import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

// Debian's node-ws, also where Node itself is from elsewhere.
const { WebSocket, WebSocketServer } = createRequire(import.meta.url)('/usr/share/nodejs/ws');

const STEP = 200;
const CONNECTS_AT_ONCE = 16;
const SUSTAINED = 0.99;
const WARM_MS = 1000;
const WINDOW_MS = 4000;
const INTERVAL_MS = 40;

const pcm = Buffer.alloc(960);
const encodeFrame = () => `{"type":"input_audio_buffer.append","audio":"${pcm.toString('base64')}"}`;

let sent = 0;
let received = 0;
const sockets = [];

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', (socket) => socket.on('message', () => ++received));
await new Promise((resolve) => server.on('listening', resolve));
const url = `ws://127.0.0.1:${server.address().port}/`;

const connect = () =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    socket.on('open', () => resolve(socket));
    socket.on('error', reject);
  });

// Opens sessions until there are `sessions`, and begins each.
async function openUntil(sessions, begin) {
  while (sockets.length < sessions) {
    const more = Math.min(CONNECTS_AT_ONCE, sessions - sockets.length);
    const opened = await Promise.all(Array.from({ length: more }, connect));
    sockets.push(...opened);
    opened.forEach(begin);
  }
}

// The n-th frame goes at start + n x 40 ms.
function pace(socket) {
  let due = performance.now();
  const send = () => {
    socket.send(encodeFrame());
    ++sent;
    due += INTERVAL_MS;
    setTimeout(send, due - performance.now());
  };
  send();
}

// A frame a turn of the loop.
function sendAlways(socket) {
  const send = () => {
    socket.send(encodeFrame());
    ++sent;
    setImmediate(send);
  };
  send();
}

// Prints the row; returns the lesser of the shares sent and received of the frames that the sessions owed.
async function measure(task) {
  await sleep(WARM_MS);
  const before = { sent, received, wall: performance.now(), cpu: process.cpuUsage() };
  await sleep(WINDOW_MS);
  const seconds = (performance.now() - before.wall) / 1000;
  const { user, system } = process.cpuUsage(before.cpu);
  const frames = received - before.received;
  const nominal = (sockets.length * seconds * 1000) / INTERVAL_MS;
  const share = Math.min(sent - before.sent, frames) / nominal;
  console.log(JSON.stringify({
    task, sessions: sockets.length, frames_per_s: Math.round(frames / seconds), share,
    cpu: (user + system) / 1e6 / seconds, cpu_us_per_frame: (user + system) / frames,
  }));
  return share;
}

const [task, ...numbers] = process.argv.slice(2);
if (task === 'paced' && numbers.length === 2) {
  const [from, to] = numbers.map(Number);
  for (let sessions = from; sessions <= to; sessions += STEP) {
    await openUntil(sessions, pace);
    if (await measure(task) < SUSTAINED) break;
  }
} else if (task === 'flat' && numbers.length === 1) {
  await openUntil(Number(numbers[0]), () => {});
  sockets.forEach(sendAlways);
  await measure(task);
} else {
  console.error('usage: node_voice_bench.mjs paced FROM TO\n       node_voice_bench.mjs flat SESSIONS');
  process.exit(2);
}
process.exit(0);
