// SPDX-License-Identifier: Apache-2.0
// The same in Node: server.mjs PORT LEAK.
import http from 'node:http';

const [port, leak] = process.argv.slice(2).map(Number);
const kept = [];
let requests = 0;
http.createServer((request, response) => {
  if (request.url === '/metrics') {
    response.end(`# TYPE http_requests_total counter\nhttp_requests_total{code="200"} ${requests}\n`);
    return;
  }
  requests += 1;
  if (leak) {
    kept.push(Buffer.alloc(leak, requests % 251));
  }
  response.end('ok');
}).listen(port, '127.0.0.1');
