# SPDX-License-Identifier: Apache-2.0
"""Both ends of WebSocket with the libraries that people use on the other side: websocket_peers_test.py WEBSOCKET_ENDS FOLDER.

Python's `websockets` and Node's `ws` are each a client of soak's server and a server of soak's client, on ws: and on wss:. What a peer
does is the same on either side, since the end under test sends back what it receives: the rows are the functions of Conversation here,
and their namesakes in websocket_peer.mjs."""

import asyncio
import os
import pathlib
import shutil
import ssl
import subprocess
import sys

import websockets

TIMEOUT = 30

# How the peer closes, and what the end under test has to answer with and to report.
CLOSES = [(1000, ""), (1000, "bye"), (1001, "going"), (1011, "\u20ac" * 41), (3000, "moved"), (4999, "*" * 123)]


class Conversation:
    """What the peer does in one connection, row by row."""

    def __init__(self, socket):
        self.socket = socket

    async def messages_of_every_length(self):
        for size in (0, 1, 125, 126, 127, 65535, 65536, 1 << 20):
            for message in ("*" * size, bytes(i % 251 for i in range(size))):
                await self.socket.send(message)
                assert await self.socket.recv() == message, size

    async def text_beyond_ascii(self):
        message = "\u00e9\u20ac\U0001f600" * 5000
        await self.socket.send(message)
        assert await self.socket.recv() == message

    async def fragments(self):
        for parts in (["one ", "two ", "three"], ["", "", ""], [b"\0", b"", b"\xff" * 70000]):
            await self.socket.send(iter(parts))
            assert await self.socket.recv() == type(parts[0])().join(parts), parts

    async def pings_alone(self):
        for payload in (b"", b"\x00\xff", b"p" * 125):
            await asyncio.wait_for(await self.socket.ping(payload), TIMEOUT)

    # The latest has to be answered; what came before it, this library takes as answered with it.
    async def a_burst_of_pings(self):
        pongs = [await self.socket.ping(b"ping %d" % number) for number in range(20)]
        await asyncio.wait_for(pongs[-1], TIMEOUT)

    async def many_messages_at_once(self):
        messages = [f"message {number} " * (number % 50) for number in range(2000)]

        async def send_all():
            for message in messages:
                await self.socket.send(message)

        sending = asyncio.ensure_future(send_all())
        for message in messages:
            assert await self.socket.recv() == message
        await sending

    async def close(self, code, reason):
        await asyncio.wait_for(self.socket.close(code, reason), TIMEOUT)
        assert (self.socket.close_code, self.socket.close_reason) == (code, reason), (self.socket.close_code, self.socket.close_reason)

    async def be_closed(self, code, reason):
        await self.socket.send(f"close {code} {reason}")
        try:
            await asyncio.wait_for(self.socket.recv(), TIMEOUT)
            raise AssertionError("not closed")
        except websockets.ConnectionClosed as closed:
            assert (closed.rcvd.code, closed.rcvd.reason) == (code, reason), closed

    ROWS_OF_A_SERVER = (messages_of_every_length, text_beyond_ascii, fragments, pings_alone, many_messages_at_once)
    # soak's client is on libwebsockets, which answers the first of several pings: see HIDDEN in rfc6455_test.py.
    ROWS_OF_A_CLIENT = (*ROWS_OF_A_SERVER, a_burst_of_pings)


class Ends:
    """The program with the ends under test."""

    def __init__(self, program):
        self.server = subprocess.Popen([program, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.plain, self.secure, self.ca, self.certificate, self.key = (self.server.stdout.readline().strip() for _ in range(5))
        self.client = subprocess.Popen([program, "connect"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start_client(self, url):
        print(url, self.ca, file=self.client.stdin, flush=True)

    def outcome_of_client(self):
        return self.client.stdout.readline().rstrip("\n")

    def stop(self):
        for process in (self.server, self.client):
            process.stdin.close()
            assert process.wait(timeout=TIMEOUT) == 0, process.args


def endings():
    """Each is a connection of its own: who closes, and how."""
    for code, reason in CLOSES:
        yield "close", code, reason
        yield "be_closed", code, reason


async def converse(socket, who, code, reason, rows):
    conversation = Conversation(socket)
    for row in rows:
        await asyncio.wait_for(row(conversation), TIMEOUT)
    await getattr(conversation, who)(code, reason)


def expected_outcome(who, code, reason):
    return f"{code} {'peer' if who == 'close' else 'local'} {reason}"


async def python_as_client(ends, url):
    trusting = ssl.create_default_context(cafile=ends.ca) if url.startswith("wss:") else None
    connections = 0
    for number, (who, code, reason) in enumerate(endings()):
        # It offers to compress, which soak's server declines.
        async with websockets.connect(url + "/peer", ssl=trusting, max_size=None, subprotocols=["soak", "other"]) as socket:
            assert socket.subprotocol == "soak"
            await converse(socket, who, code, reason, Conversation.ROWS_OF_A_CLIENT if number == 0 else ())
        connections += 1
    return connections


async def python_as_server(ends, scheme):
    proving = None
    if scheme == "wss":
        proving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        proving.load_cert_chain(ends.certificate, ends.key)
    loop = asyncio.get_running_loop()
    accepted = asyncio.Queue()

    async def serve(socket, *_):
        over = loop.create_future()
        await accepted.put((socket, over))
        await over

    connections = 0
    async with websockets.serve(serve, "127.0.0.1", 0, ssl=proving, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        for number, (who, code, reason) in enumerate(endings()):
            ends.start_client(f"{scheme}://localhost:{port}/peer")
            socket, over = await asyncio.wait_for(accepted.get(), TIMEOUT)
            await converse(socket, who, code, reason, Conversation.ROWS_OF_A_SERVER if number == 0 else ())
            over.set_result(None)
            outcome = await loop.run_in_executor(None, ends.outcome_of_client)
            assert outcome == expected_outcome(who, code, reason), (who, outcome)
            connections += 1
    return connections


def node(folder, *arguments, ca):
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": ca}
    return subprocess.Popen(["node", folder / "websocket_peer.mjs", *arguments], env=environment, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


def finish(peer):
    assert peer.wait(timeout=TIMEOUT) == 0, f"node ended with {peer.returncode}"


def node_as_client(ends, folder, url):
    connections = 0
    for number, (who, code, reason) in enumerate(endings()):
        peer = node(folder, "client", url + "/peer", who, str(code), reason, "rows" if number == 0 else "-", ca=ends.ca)
        finish(peer)
        connections += 1
    return connections


def node_as_server(ends, folder, scheme):
    connections = 0
    for number, (who, code, reason) in enumerate(endings()):
        tls = (ends.certificate, ends.key) if scheme == "wss" else ("-", "-")
        peer = node(folder, "server", *tls, who, str(code), reason, "rows" if number == 0 else "-", ca=ends.ca)
        try:
            ends.start_client(f"{scheme}://localhost:{int(peer.stdout.readline())}/peer")
            outcome = ends.outcome_of_client()
            assert outcome == expected_outcome(who, code, reason), (who, outcome)
            finish(peer)
        finally:
            peer.kill()
        connections += 1
    return connections


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    has_ws = shutil.which("node") is not None and os.path.exists("/usr/share/nodejs/ws")
    if not has_ws and os.environ.get("SOAK_TOOLS_REQUIRED") == "1":
        sys.exit("needs node and node-ws; 'make test-tools' installs them")
    ends = Ends(program)
    client, server = (f"{len(rows)} rows" for rows in (Conversation.ROWS_OF_A_CLIENT, Conversation.ROWS_OF_A_SERVER))
    for url in (ends.plain, ends.secure):
        scheme = url.split(":", 1)[0]
        print(f"Python's websockets, a client on {scheme}: {client}, {asyncio.run(python_as_client(ends, url))} connections", flush=True)
        print(f"Python's websockets, a server on {scheme}: {server}, {asyncio.run(python_as_server(ends, scheme))} connections", flush=True)
        if has_ws:
            print(f"Node's ws, a client on {scheme}: {client}, {node_as_client(ends, folder, url)} connections", flush=True)
            print(f"Node's ws, a server on {scheme}: {server}, {node_as_server(ends, folder, scheme)} connections", flush=True)
    ends.stop()
    if not has_ws:
        print("Node's ws was left out: needs node and node-ws; 'make test-tools' installs them")
        sys.exit(77)


main()
