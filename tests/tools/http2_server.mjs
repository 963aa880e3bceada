// SPDX-License-Identifier: Apache-2.0
// A server that prefers HTTP/2: http2_server.mjs CERTIFICATE KEY. Prints its URL; at the end of its standard input how
// many sessions of HTTP/2 and requests it had. It answers before the body is there, and with the body.
import fs from "node:fs";
import http2 from "node:http2";

let sessions = 0;
let requests = 0;
const server = http2.createSecureServer({ allowHTTP1: true, cert: fs.readFileSync(process.argv[2]), key: fs.readFileSync(process.argv[3]) });
server.on("session", () => ++sessions);
server.on("stream", (stream, headers) => {
  ++requests;
  stream.respond({ ":status": 200, "x-number": headers["x-number"] ?? "" });
  stream.pipe(stream);
});
server.on("request", (request, response) => {
  if (request.httpVersionMajor > 1) return;  // It had its answer above.
  ++requests;
  response.writeHead(200, { "x-number": request.headers["x-number"] ?? "" });
  request.pipe(response);
});
server.listen(0, "127.0.0.1", () => console.log(`https://127.0.0.1:${server.address().port}/`));
process.stdin.resume().on("end", () => {
  console.log(`sessions=${sessions} requests=${requests}`);
  process.exit(0);
});
