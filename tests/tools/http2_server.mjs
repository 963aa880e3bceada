// SPDX-License-Identifier: Apache-2.0
// A server that speaks HTTP/2 alone: http2_server.mjs CERTIFICATE KEY. Prints its URL; at the end of its standard input how
// many sessions and requests it had.
import fs from "node:fs";
import http2 from "node:http2";

let sessions = 0;
let requests = 0;
const server = http2.createSecureServer({ cert: fs.readFileSync(process.argv[2]), key: fs.readFileSync(process.argv[3]) });
server.on("session", () => ++sessions);
server.on("stream", (stream, headers) => {
  ++requests;
  stream.respond({ ":status": 200, "x-number": headers["x-number"] ?? "" });
  stream.pipe(stream);
});
server.listen(0, "127.0.0.1", () => console.log(`https://127.0.0.1:${server.address().port}/`));
process.stdin.resume().on("end", () => {
  console.log(`sessions=${sessions} requests=${requests}`);
  process.exit(0);
});
