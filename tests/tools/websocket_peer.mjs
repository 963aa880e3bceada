// SPDX-License-Identifier: Apache-2.0
// Node's `ws` as the peer of an end that sends back what it receives; websocket_peers_test.py has the same rows in Python.
//
//   websocket_peer.mjs client URL WHO CODE REASON ROWS
//   websocket_peer.mjs server CERTIFICATE KEY WHO CODE REASON ROWS   prints its port, and serves one connection; "-" is no TLS
//
// WHO is `close` or `be_closed`; ROWS is `rows`, or `-` for the ending alone. A server leaves out the burst of pings, as there.
import assert from 'node:assert';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';

const { WebSocket, WebSocketServer } = createRequire(import.meta.url)('/usr/share/nodejs/ws');
const giveUp = setTimeout(() => { throw new Error('nothing more after 30 s'); }, 30_000);

// Messages wait here: an event that comes before somebody asks for it would be lost.
class Inbox {
  #messages = [];
  #wake = null;

  constructor(socket) {
    socket.on('message', (data, isBinary) => {
      this.#messages.push(isBinary ? data : data.toString());
      this.#wake?.();
    });
  }

  async next() {
    while (this.#messages.length === 0) await new Promise((resolve) => { this.#wake = resolve; });
    return this.#messages.shift();
  }
}

const rows = {
  async messagesOfEveryLength(socket, inbox) {
    for (const size of [0, 1, 125, 126, 127, 65535, 65536, 1 << 20]) {
      for (const message of ['*'.repeat(size), Buffer.from(Array.from({ length: size }, (_, i) => i % 251))]) {
        socket.send(message);
        assert.deepEqual(await inbox.next(), message);
      }
    }
  },
  async textBeyondAscii(socket, inbox) {
    const message = '\u00e9\u20ac\u{1f600}'.repeat(5000);
    socket.send(message);
    assert.equal(await inbox.next(), message);
  },
  async fragments(socket, inbox) {
    for (const parts of [['one ', 'two ', 'three'], ['', '', '']]) {
      parts.forEach((part, i) => socket.send(part, { fin: i === parts.length - 1 }));
      assert.equal(await inbox.next(), parts.join(''));
    }
    const parts = [Buffer.from([0]), Buffer.alloc(0), Buffer.alloc(70000, 0xff)];
    parts.forEach((part, i) => socket.send(part, { fin: i === parts.length - 1 }));
    assert.deepEqual(await inbox.next(), Buffer.concat(parts));
  },
  async pingsAlone(socket) {
    for (const payload of [Buffer.alloc(0), Buffer.from([0, 0xff]), Buffer.alloc(125, 'p')]) {
      socket.ping(payload);
      assert.deepEqual((await once(socket, 'pong'))[0], payload);
    }
  },
  // The latest has to be answered.
  async aBurstOfPings(socket) {
    const answered = new Promise((resolve) => {
      socket.on('pong', (payload) => { if (payload.toString() === 'ping 19') resolve(); });
    });
    for (let number = 0; number < 20; ++number) socket.ping(`ping ${number}`);
    await answered;
  },
  async manyMessagesAtOnce(socket, inbox) {
    const messages = Array.from({ length: 2000 }, (_, number) => `message ${number} `.repeat(number % 50));
    for (const message of messages) socket.send(message);
    for (const message of messages) assert.equal(await inbox.next(), message);
  },
};

const endings = {
  close(socket, code, reason) { socket.close(code, reason); },
  be_closed(socket, code, reason) { socket.send(`close ${code} ${reason}`); },
};

async function converse(socket, inbox, who, code, reason, played) {
  for (const row of played) await row(socket, inbox);
  const closed = once(socket, 'close');
  endings[who](socket, code, reason);
  const [gotCode, gotReason] = await closed;
  assert.deepEqual([gotCode, gotReason.toString()], [code, reason]);
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === 'client') {
  const [url, who, code, reason, all] = rest;
  // It offers to compress, which soak's server declines.
  const socket = new WebSocket(url, ['soak', 'other'], { maxPayload: 1 << 30 });
  const inbox = new Inbox(socket);
  await once(socket, 'open');
  assert.equal(socket.protocol, 'soak');
  assert.equal(socket.extensions, '');
  await converse(socket, inbox, who, Number(code), reason, all === 'rows' ? Object.values(rows) : []);
} else {
  const [certificate, key, who, code, reason, all] = rest;
  const server = certificate === '-' ? http.createServer()
    : https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
  const sockets = new WebSocketServer({ server, perMessageDeflate: true, maxPayload: 1 << 30 });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
  const [socket] = await once(sockets, 'connection');
  const played = Object.values(rows).filter((row) => all === 'rows' && row !== rows.aBurstOfPings);
  await converse(socket, new Inbox(socket), who, Number(code), reason, played);
  server.close();
}
clearTimeout(giveUp);
