#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The endpoints of `mesh directory` that mesh_load uses, on what Debian has: asyncio, sqlite3, python3-cryptography.

mesh_twin.py DB: prints "twin listening URL". It checks and keeps the same: signature by RFC 9421, digest, clock, nonce (stored with
the write), dedupe by (sender, id), link, one transaction on a write-ahead log that is synced before the answer, and one sync for all
requests that wait at the same time. It is written as somebody would who wants it fast: one process, asyncio's streams, a thread for the
commit, plain tables."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import signal
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SECRET = os.urandom(32)
SKEW = 60
INPUT = re.compile(r'^mesh=(\((?:"[a-z@-]+" ?)*\);created=(\d+);keyid="([0-9a-f]{64})";nonce="([!-~]{8,64})")$')
SIGNATURE = re.compile(r"^mesh=:([A-Za-z0-9+/=]+):$")
MUST_COVER = {'"@method"', '"@authority"', '"@path"', '"@query"'}


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


class Store:
    """Group commit: what waits while one commit runs shares the next one."""

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE agent (keyid TEXT PRIMARY KEY, handle TEXT UNIQUE, public_key BLOB) WITHOUT ROWID;"
            "CREATE TABLE invite (hash TEXT PRIMARY KEY, inviter TEXT, scope TEXT, expires INTEGER, joiner TEXT) WITHOUT ROWID;"
            "CREATE TABLE link (agent TEXT, peer TEXT, scope TEXT, PRIMARY KEY (agent, peer)) WITHOUT ROWID;"
            "CREATE TABLE nonce (created INTEGER, keyid TEXT, nonce TEXT, PRIMARY KEY (created, keyid, nonce)) WITHOUT ROWID;"
            "CREATE TABLE box (owner TEXT PRIMARY KEY, last INTEGER, acked INTEGER) WITHOUT ROWID;"
            "CREATE TABLE message (sender TEXT, id TEXT, receiver TEXT, sequence INTEGER, at INTEGER, digest BLOB, body TEXT,"
            " PRIMARY KEY (sender, id)) WITHOUT ROWID;"
            "CREATE INDEX waiting ON message (receiver, sequence);")
        self.waiting = []
        self.wake = asyncio.Event()
        self.pool = ThreadPoolExecutor(1)

    async def write(self, work):
        done = asyncio.get_running_loop().create_future()
        self.waiting.append((work, done))
        self.wake.set()
        return await done

    async def commit_all(self):
        loop = asyncio.get_running_loop()
        while True:
            await self.wake.wait()
            self.wake.clear()
            group, self.waiting = self.waiting, []
            self.db.execute("BEGIN IMMEDIATE")
            results = []
            for work, done in group:
                self.db.execute("SAVEPOINT one")
                try:
                    results.append((done, work(self.db), None))
                except Refused as refused:
                    self.db.execute("ROLLBACK TO one")
                    results.append((done, None, refused))
                self.db.execute("RELEASE one")
            await loop.run_in_executor(self.pool, self.db.execute, "COMMIT")
            for done, result, refused in results:
                if not done.cancelled():
                    done.set_exception(refused) if refused else done.set_result(result)


class Twin:
    def __init__(self, path):
        self.store = Store(path)
        self.nonces = set()
        self.routes = {("POST", "/v1/agents"): self.enrol, ("POST", "/v1/invites"): self.invite, ("POST", "/v1/links"): self.join,
                       ("POST", "/v1/relay/messages"): self.send, ("POST", "/v1/relay/sync"): self.sync}

    def check(self, method, path, headers, body, public_key=None):
        read = INPUT.match(headers.get("signature-input", ""))
        signature = SIGNATURE.match(headers.get("signature", ""))
        if not read or not signature:
            raise Refused(401, "signature_missing")
        parameters, created, keyid, nonce = read.groups()
        components = parameters[1:parameters.index(")")].split(" ")
        if not MUST_COVER.issubset(components) or (body and '"content-digest"' not in components):
            raise Refused(401, "signature_invalid")
        digest = "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"
        if body and headers.get("content-digest") != digest:
            raise Refused(401, "digest_mismatch")
        if abs(int(created) - time.time()) > SKEW:
            raise Refused(401, "clock_skew")
        handle = None
        if public_key is None:
            row = self.store.db.execute("SELECT handle, public_key FROM agent WHERE keyid = ?", (keyid,)).fetchone()
            if not row:
                raise Refused(401, "unknown_key")
            handle, public_key = row
        path, _, query = path.partition("?")
        values = {'"@method"': method, '"@authority"': headers["host"], '"@path"': path, '"@query"': "?" + query}
        base = "".join(f"{name}: {values[name] if name in values else headers[name[1:-1]]}\n" for name in components)
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(base64.b64decode(signature.group(1)),
                                                                 (base + '"@signature-params": ' + parameters).encode())
        except InvalidSignature:
            raise Refused(401, "signature_invalid")
        key = (int(created), keyid, nonce)
        if key in self.nonces:
            raise Refused(401, "replayed")
        self.nonces.add(key)
        return handle, key

    @staticmethod
    def remember(db, key):
        db.execute("INSERT INTO nonce VALUES (?, ?, ?)", key)
        db.execute("DELETE FROM nonce WHERE created < ?", (time.time() - SKEW,))

    async def enrol(self, method, path, headers, body):
        fields = json.loads(body)
        raw = base64.b64decode(fields["public_key"])
        _, key = self.check(method, path, headers, body, raw)

        def work(db):
            self.remember(db, key)
            db.execute("INSERT INTO agent VALUES (?, ?, ?)", (hashlib.sha256(raw).hexdigest(), fields["handle"], raw))
            return 201, {"handle": fields["handle"]}
        return await self.store.write(work)

    async def invite(self, method, path, headers, body):
        handle, key = self.check(method, path, headers, body)
        fields = json.loads(body)
        token = hmac.new(SECRET, f"{handle}/{fields['id']}".encode(), "sha256").hexdigest()

        def work(db):
            self.remember(db, key)
            db.execute("INSERT INTO invite VALUES (?, ?, ?, ?, NULL)",
                       (hashlib.sha256(token.encode()).hexdigest(), handle, fields["scope"], time.time() + fields["seconds"]))
            return 201, {"id": fields["id"], "token": token}
        return await self.store.write(work)

    async def join(self, method, path, headers, body):
        handle, key = self.check(method, path, headers, body)
        hash_of_token = hashlib.sha256(json.loads(body)["token"].encode()).hexdigest()

        def work(db):
            self.remember(db, key)
            row = db.execute("SELECT inviter, scope FROM invite WHERE hash = ? AND joiner IS NULL AND expires > ?",
                             (hash_of_token, time.time())).fetchone()
            if not row:
                raise Refused(404, "unknown_invite")
            db.execute("UPDATE invite SET joiner = ? WHERE hash = ?", (handle, hash_of_token))
            db.execute("INSERT INTO link VALUES (?, ?, ?), (?, ?, ?)", (handle, row[0], row[1], row[0], handle, row[1]))
            return 201, {"link": {"peer": row[0], "scope": row[1]}}
        return await self.store.write(work)

    async def send(self, method, path, headers, body):
        handle, key = self.check(method, path, headers, body)
        fields = json.loads(body)
        to, message_id, kind = fields["to"], fields["id"], fields["kind"]
        if kind not in ("query_request", "task_request") or not isinstance(fields["body"], dict):
            raise Refused(400, "invalid_field")
        digest = hashlib.sha256(body).digest()

        def work(db):
            self.remember(db, key)
            first = db.execute("SELECT sequence, at, digest FROM message WHERE sender = ? AND id = ?", (handle, message_id)).fetchone()
            if first:
                if first[2] != digest:
                    raise Refused(409, "id_reused")
                return 200, {"id": message_id, "to": to, "sequence": first[0], "state": "stored", "at": first[1], "duplicate": True}
            if not db.execute("SELECT 1 FROM link WHERE agent = ? AND peer = ?", (handle, to)).fetchone():
                raise Refused(403, "not_linked")
            db.execute("INSERT INTO box VALUES (?, 1, 0) ON CONFLICT DO UPDATE SET last = last + 1", (to,))
            last, acked = db.execute("SELECT last, acked FROM box WHERE owner = ?", (to,)).fetchone()
            if last - acked > 10000:
                raise Refused(429, "inbox_full")
            at = int(time.time() * 1000)
            db.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?)",
                       (handle, message_id, to, last, at, digest, json.dumps(fields["body"])))
            return 201, {"id": message_id, "to": to, "sequence": last, "state": "stored", "at": at}
        return await self.store.write(work)

    async def sync(self, method, path, headers, body):
        handle, key = self.check(method, path, headers, body)
        fields = json.loads(body)

        def work(db):
            self.remember(db, key)
            db.execute("UPDATE box SET acked = max(acked, min(?, last)) WHERE owner = ?", (fields["ack"], handle))
            db.execute("UPDATE message SET body = NULL WHERE receiver = ? AND sequence <= ? AND body IS NOT NULL", (handle, fields["ack"]))
            rows = db.execute("SELECT sequence, id, sender, body FROM message WHERE receiver = ? AND sequence > ? ORDER BY sequence LIMIT ?",
                              (handle, fields["ack"], fields["limit"])).fetchall()
            return 200, {"messages": [{"sequence": row[0], "id": row[1], "from": row[2], "body": json.loads(row[3])} for row in rows]}
        return await self.store.write(work)

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                route = self.routes.get((method, path.partition("?")[0]))
                try:
                    if route is None:
                        raise Refused(404, "not_found")
                    status, answer = await route(method, path, headers, body)
                except Refused as refused:
                    status, answer = refused.status, {"error": {"code": refused.code}}
                except (ValueError, KeyError, TypeError):
                    status, answer = 400, {"error": {"code": "invalid_json"}}
                # No space between members, as mesh_load expects it of both.
                payload = json.dumps(answer, separators=(",", ":")).encode()
                writer.write(b"HTTP/1.1 %d Status\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(payload)) + payload)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def main():
    twin = Twin(sys.argv[1])
    committing = asyncio.ensure_future(twin.store.commit_all())
    server = await asyncio.start_server(twin.serve, "127.0.0.1", 0)
    print(f"twin listening http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait([stopping, committing], return_when=asyncio.FIRST_COMPLETED)
    if committing.done():
        committing.result()


asyncio.run(main())
