# SPDX-License-Identifier: Apache-2.0
"""Both ends of WebSocket against RFC 6455, over raw sockets: rfc6455_test.py WEBSOCKET_ENDS [ROUNDS] [--large] [--hidden].

Each situation of rfc6455_cases.py is played against the server and against the client, on ws: and on wss:. The server is soak's own,
and has to be strict in every one. The client is libwebsockets; what it hides from soak is in HIDDEN, with the reason. --hidden plays
that alone and prints what the client does instead, to see what a later libwebsockets has mended."""

import re
import socket
import ssl
import struct
import subprocess
import sys
import time

import rfc6455_cases as rfc

UPGRADE = (b"GET /suite HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
ACCEPTED = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n")
TIMEOUT = 10

# What libwebsockets does not let its user see: a pattern of names, and why the situation cannot be told from a good one.
# Nothing that soak can do is before or behind it: there is no call that hands over the bytes as they came, on ws: they cannot be read
# ahead without a race against libwebsockets' own read, and on wss: it reads from TLS by itself.
HIDDEN = [
    (r"5\.2 a length of \d+ in \d bytes", "takes a length in more bytes than it needs, and tells the length alone"),
    (r"5\.1 ", "takes a masked frame of a server like any other, and tells its payload alone"),
    (r"5\.5\.3 ten pings|5\.4 pings between fragments", "answers the first of several pings, and tells of none"),
    (r"5\.5\.1 a close with opcode 8", "answers the last of the close frames that it reads at once"),
    (r"5\.5\.1 a close with opcode 3", "reads on behind a close frame, and ends at what is wrong there"),
    (r"8\.1 a bad byte in the middle of a frame", "tells nothing of a frame until it has all of it, or a buffer full"),
    (r"10\.4 a message (above the limit|of 2\^62 bytes), at its header", "tells no length before the bytes"),
    (r"7\.4 close code 101[234]$", "turns these codes into 1002 before it tells them"),
]


class Broken(Exception):
    """The end did something else than it has to."""


class Wire:
    """A connection to the end under test, from the side of its peer."""

    def __init__(self, connection, end_masks):
        self.connection = connection
        self.connection.settimeout(TIMEOUT)
        self.end_masks = end_masks
        self.input = b""

    def write(self, data, cut):
        try:
            if not cut:
                self.connection.sendall(data)
                return
            for i in range(0, len(data), cut):
                self.connection.sendall(data[i:i + cut])
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            pass  # The end refuses at the first byte that shows it, and need not read the rest.

    def more(self):
        data = self.connection.recv(1 << 18)
        if not data:
            raise EOFError
        self.input += data

    def take(self, size):
        while len(self.input) < size:
            self.more()
        data, self.input = self.input[:size], self.input[size:]
        return data

    def take_to(self, end):
        while end not in self.input:
            self.more()
        return self.take(self.input.index(end) + len(end))

    def frame(self):
        """The next frame; the end has to write it as strictly as it reads."""
        first, second = self.take(2)
        if bool(second & 0x80) != self.end_masks:
            raise Broken("a frame masked the wrong way")
        if not first & 0x80 or first & 0x70:
            raise Broken(f"a frame whose first byte is {first:#x}")
        size = second & 0x7F
        if size >= 126:
            form = size
            size = struct.unpack(">H" if form == 126 else ">Q", self.take(2 if form == 126 else 8))[0]
            if size < 126 or (form == 127 and size < 65536):
                raise Broken("a length in more bytes than it needs")
        key = self.take(4) if self.end_masks else b""
        payload = self.take(size)
        if key:
            wide = (key * (size // 4 + 1))[:size]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(wide, "big")).to_bytes(size, "big")
        return first & 0xF, payload


def latest_of(pongs, expected):
    """Section 5.5.3: of several pings, the latest at least is answered, and what is answered is so in order."""
    rest = iter(expected)
    return all(pong in rest for pong in pongs) and pongs[-1:] == expected[-1:]


def play(case, wire):
    """Plays the situation. Raises Broken if the end does anything else than it has to."""
    wire.write(b"".join(frame.encode(not wire.end_masks) for frame in case.frames), case.cut)
    messages, pongs, closed = [], [], None
    asked_to_close = False
    try:
        while closed is None:
            if case.code is None and case.answer is None and not asked_to_close and messages == case.messages and (
                    not case.pongs or pongs[-1:] == case.pongs[-1:]):
                wire.write(rfc.Frame(rfc.CLOSE, rfc.close_payload(1000)).encode(not wire.end_masks), 0)
                asked_to_close = True
            opcode, payload = wire.frame()
            if opcode == rfc.CLOSE:
                closed = payload
            elif opcode == rfc.PONG:
                pongs.append(payload)
            elif opcode in (rfc.TEXT, rfc.BINARY):
                messages.append((opcode, payload))
            elif opcode != rfc.PING:
                raise Broken(f"opcode {opcode}")
    except (EOFError, ConnectionResetError, ssl.SSLError) as error:
        # Section 7.1.7: an end that refuses SHOULD send a close frame. libwebsockets ends the connection at once.
        if wire.end_masks and case.code == 1002:
            return
        raise Broken(f"ended without a close frame ({type(error).__name__}), after {len(messages)} messages") from error
    except socket.timeout as error:
        raise Broken(f"waits; {len(messages)} of {len(case.messages)} messages, pongs {pongs}") from error

    if case.code is not None:
        if len(closed) < 2 or struct.unpack(">H", closed[:2])[0] != case.code:
            raise Broken(f"closed with {closed!r}, not with {case.code}")
    else:
        expected = rfc.close_payload(1000) if case.answer is None else case.answer
        # The code is echoed (section 5.5.1); the reason may be.
        if closed[:2] != expected[:2] or closed[2:] not in (b"", expected[2:]):
            raise Broken(f"answered the close with {closed!r}")
        if case.answer is None and messages != case.messages:
            raise Broken("other messages than were sent")
    if case.pongs and not latest_of(pongs, case.pongs):
        raise Broken(f"pongs {pongs}")
    if not case.pongs and pongs and rfc.PING not in [getattr(frame, "opcode", None) for frame in case.frames]:
        raise Broken(f"unasked pongs {pongs}")
    # The peer's own close, if it owes one; then the end of TCP, and nothing else before it.
    if case.code is not None:
        wire.write(rfc.Frame(rfc.CLOSE, closed[:2]).encode(not wire.end_masks), 0)
    try:
        wire.more()
    except (EOFError, ssl.SSLError):
        return
    except ConnectionResetError as error:
        if case.code is None:
            raise Broken("reset behind the close") from error
        return
    except socket.timeout as error:
        raise Broken("the connection stays behind the close") from error
    raise Broken(f"{wire.input!r} behind the close")


class Ends:
    """The program with the ends under test."""

    def __init__(self, program):
        self.server = subprocess.Popen([program, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        urls = [self.server.stdout.readline().strip() for _ in range(5)]
        self.ports = {"ws": int(urls[0].rsplit(":", 1)[1]), "wss": int(urls[1].rsplit(":", 1)[1])}
        self.ca = urls[2]
        self.trusting = ssl.create_default_context(cafile=self.ca)
        self.proving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.proving.load_cert_chain(urls[3], urls[4])
        self.client = subprocess.Popen([program, "connect"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(TIMEOUT)

    def to_server(self, case, scheme):
        with socket.create_connection(("127.0.0.1", self.ports[scheme]), timeout=TIMEOUT) as raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = self.trusting.wrap_socket(raw, server_hostname="localhost") if scheme == "wss" else raw
            with connection:
                wire = Wire(connection, end_masks=False)
                wire.write(UPGRADE, 0)
                head = wire.take_to(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 101 ") or b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" not in head:
                    raise Broken(f"answers {head!r}")
                play(case, wire)

    def to_client(self, case, scheme):
        import base64
        import hashlib
        port = self.listener.getsockname()[1]
        print(f"{scheme}://localhost:{port}/suite {self.ca}", file=self.client.stdin, flush=True)
        try:
            raw, _ = self.listener.accept()
            raw.settimeout(TIMEOUT)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with raw, (self.proving.wrap_socket(raw, server_side=True) if scheme == "wss" else raw) as connection:
                wire = Wire(connection, end_masks=True)
                head = wire.take_to(b"\r\n\r\n")
                key = re.search(rb"Sec-WebSocket-Key: *([^\r]*)", head, re.IGNORECASE)[1]
                digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
                wire.write(ACCEPTED % base64.b64encode(digest), 0)
                play(case, wire)
        finally:
            self.client.stdout.readline()

    def stop(self):
        for process in (self.server, self.client):
            process.stdin.close()
            assert process.wait(timeout=30) == 0, process.args


def hidden_reason(case):
    return next((why for pattern, why in HIDDEN if re.match(pattern, case.name)), None)


def print_hidden(ends, cases):
    for case in cases:
        for scheme in ("ws", "wss") if hidden_reason(case) is not None else ():
            try:
                ends.to_client(case, scheme)
                done = "right"
            except Broken as broken:
                done = str(broken)
            print(f"client {scheme}: {case.name}: {done}; {hidden_reason(case)}", flush=True)


def main():
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    rounds = int(arguments[1]) if len(arguments) > 1 else 1
    cases = list(rfc.all_cases(large="--large" in sys.argv))
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
    ends = Ends(arguments[0])
    if "--hidden" in sys.argv:
        print_hidden(ends, cases)
        ends.stop()
        return
    wrong = []
    for number in range(rounds):
        for end, run in (("server", ends.to_server), ("client", ends.to_client)):
            for scheme in ("ws", "wss"):
                begun = time.monotonic()
                hidden = 0
                for case in cases:
                    if end == "client" and hidden_reason(case) is not None:
                        hidden += 1
                        continue
                    try:
                        run(case, scheme)
                    except Broken as broken:
                        wrong.append(f"{end} {scheme}: {case.name}: {broken}")
                print(f"round {number + 1}: {end} on {scheme}: {len(cases) - hidden} situations, {hidden} hidden by libwebsockets, "
                      f"{time.monotonic() - begun:.1f} s", flush=True)
    for line in wrong:
        print(line)
    ends.stop()
    assert not wrong, f"{len(wrong)} situations went wrong"


if __name__ == "__main__":
    main()
