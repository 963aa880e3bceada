// SPDX-License-Identifier: Apache-2.0
// Node's own HTTP client (undici) against an HttpServer: http_clients.mjs URL.
import assert from "node:assert";

const url = process.argv[2];
const bodies = ["", "x", "y".repeat(1 << 20)];
const connections = new Set();
for (let round = 0; round < 3; ++round) {
  for (const body of bodies) {
    const response = await fetch(`${url}/a?b=c`, { method: "POST", body });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), body);
    assert.equal(response.headers.get("x-request"), "POST /a?b=c");
    assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
    connections.add(response.headers.get("x-connection"));
  }
}
// It may open a second one while the first is not yet put back.
assert.ok(connections.size <= 2, `${connections.size} connections for 9 requests`);

// A body that comes as it is made goes out in chunks.
const made = new ReadableStream({
  async start(controller) {
    for (const part of ["one ", "two ", "three"]) controller.enqueue(new TextEncoder().encode(part));
    controller.close();
  },
});
const chunked = await fetch(`${url}/`, { method: "PUT", body: made, duplex: "half" });
assert.equal(await chunked.text(), "one two three");
assert.equal(chunked.headers.get("x-chunked"), "chunked");

assert.equal((await fetch(`${url}/204`)).status, 204);
const head = await fetch(`${url}/`, { method: "HEAD" });
assert.equal(head.status, 200);

const many = await Promise.all(Array.from({ length: 50 }, (_, i) => fetch(`${url}/${i}`).then((response) => response.headers.get("x-request"))));
assert.deepEqual(many, Array.from({ length: 50 }, (_, i) => `GET /${i}?`));

await assert.rejects(fetch(`${url}/reset`), (error) => error.cause.code === "ECONNRESET");
console.log("node: right");
