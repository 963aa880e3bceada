# SPDX-License-Identifier: Apache-2.0
"""Situations of RFC 6455, section by section. A situation is what a peer sends and what an end that echoes has to reply; which side
the peer is on, how its bytes are cut and over what they go is the business of who plays it."""

import dataclasses
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


@dataclasses.dataclass
class Frame:
    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0
    length_bytes: int = -1  # How the length is written: 0, 2 or 8 bytes; -1 for the fewest.
    wrong_mask: bool = False  # Masked by a server, or not by a client.

    def encode(self, masked):
        masked = masked != self.wrong_mask
        size = len(self.payload)
        form = self.length_bytes if self.length_bytes >= 0 else 0 if size < 126 else 2 if size < 65536 else 8
        head = bytes([(0x80 if self.fin else 0) | self.rsv << 4 | self.opcode])
        bit = 0x80 if masked else 0
        head += {0: lambda: bytes([bit | size]), 2: lambda: bytes([bit | 126]) + struct.pack(">H", size),
                 8: lambda: bytes([bit | 127]) + struct.pack(">Q", size)}[form]()
        if not masked:
            return head + self.payload
        key = b"\x9a\x31\x07\xe4"
        wide = (key * (size // 4 + 1))[:size]
        return head + key + (int.from_bytes(self.payload, "big") ^ int.from_bytes(wide, "big")).to_bytes(size, "big")


@dataclasses.dataclass
class Case:
    name: str
    frames: list
    messages: list = dataclasses.field(default_factory=list)  # Echoes that have to come: (opcode, payload).
    pongs: list = dataclasses.field(default_factory=list)
    # How it ends. With a code: the end refuses what it got, and `messages` may have come before. With an answer: the frames hold a close,
    # and this is the payload of the close that has to come. With neither: the peer closes with 1000 when all echoes have come.
    code: int = None
    answer: bytes = None
    cut: int = 0  # The bytes go in pieces of so many; 0: at once.


def echoes(name, frames, messages, **more):
    return Case(name, frames, messages, **more)


def fails(name, frames, code=1002, **more):
    return Case(name, frames, code=code, **more)


def text(payload, **more):
    return Frame(TEXT, payload, **more)


def close_payload(code, reason=b""):
    return struct.pack(">H", code) + reason


def lengths():
    """5.2: payload lengths, and each form of the length."""
    for opcode in (TEXT, BINARY):
        for size in (0, 1, 125, 126, 127, 128, 65535, 65536):
            payload = b"*" * size
            yield echoes(f"5.2 opcode {opcode} of {size} bytes", [Frame(opcode, payload)], [(opcode, payload)])
        payload = b"*" * 65536
        for cut in (997, 4096):
            yield echoes(f"5.2 opcode {opcode} of 65536 bytes in pieces of {cut}", [Frame(opcode, payload)], [(opcode, payload)], cut=cut)
    for size, form in ((0, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8)):
        yield fails(f"5.2 a length of {size} in {form} bytes", [Frame(BINARY, b"*" * size, length_bytes=form)])


def masking():
    """5.1: a client masks, a server does not."""
    for opcode in (TEXT, BINARY, PING, PONG, CLOSE):
        yield fails(f"5.1 opcode {opcode} masked the wrong way", [Frame(opcode, b"" if opcode == CLOSE else b"x", wrong_mask=True)])
    yield fails("5.1 a second frame masked the wrong way", [text(b"a"), Frame(TEXT, b"b", wrong_mask=True)])


def pings():
    """5.5.2 and 5.5.3."""
    for payload in (b"", b"hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"p" * 125):
        for cut in (0, 1):
            yield echoes(f"5.5.2 a ping of {len(payload)} bytes, cut {cut}", [Frame(PING, payload)], [], pongs=[payload], cut=cut)
    yield fails("5.5 a ping of 126 bytes", [Frame(PING, b"p" * 126)])
    for payload in (b"", b"unasked"):
        yield echoes(f"5.5.3 an unasked pong of {len(payload)} bytes", [Frame(PONG, payload)], [])
    yield echoes("5.5.3 an unasked pong, then a ping", [Frame(PONG, b"unasked"), Frame(PING, b"asked")], [], pongs=[b"asked"])
    numbered = [b"%d" % n for n in range(10)]
    for cut in (0, 1):
        yield echoes(f"5.5.3 ten pings, cut {cut}", [Frame(PING, n) for n in numbered], [], pongs=numbered, cut=cut)
    yield echoes("5.5.2 a ping within a message", [Frame(TEXT, b"a", fin=False), Frame(PING, b"p"), Frame(CONTINUATION, b"b")],
                 [(TEXT, b"ab")], pongs=[b"p"])


def reserved_bits():
    """5.2: no extension is negotiated, so no reserved bit may be set."""
    for rsv in range(1, 8):
        for opcode in (TEXT, BINARY, PING, CLOSE):
            yield fails(f"5.2 reserved bits {rsv} of opcode {opcode}", [Frame(opcode, b"" if opcode == CLOSE else b"x", rsv=rsv)])
        yield fails(f"5.2 reserved bits {rsv} behind a message", [text(b"a"), text(b"b", rsv=rsv), Frame(PING)])
        yield fails(f"5.2 reserved bits {rsv} of a continuation",
                    [text(b"a", fin=False), Frame(CONTINUATION, b"b", rsv=rsv)])


def opcodes():
    """5.2: opcodes 3 to 7 and 11 to 15 are not defined."""
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield fails(f"5.2 opcode {opcode}", [Frame(opcode)])
        yield fails(f"5.2 opcode {opcode} with a payload, behind a message", [text(b"a"), Frame(opcode, b"x"), Frame(PING)])
        yield fails(f"5.2 opcode {opcode}, cut 1", [text(b"a"), Frame(opcode, b"x"), Frame(PING)], cut=1)


def fragments():
    """5.4."""
    def parts(opcode, pieces):
        return [Frame(opcode if i == 0 else CONTINUATION, piece, fin=i == len(pieces) - 1) for i, piece in enumerate(pieces)]

    for opcode in (TEXT, BINARY):
        for cut in (0, 1):
            for pieces in ([b"one", b"two"], [b"", b"", b""], [b"", b"middle", b""], [b"a"] * 50):
                yield echoes(f"5.4 opcode {opcode} in {len(pieces)} fragments like {pieces[1]!r}, cut {cut}", parts(opcode, pieces),
                             [(opcode, b"".join(pieces))], cut=cut)
    for cut in (0, 1):
        yield echoes(f"5.4 pings between fragments, cut {cut}",
                     [Frame(TEXT, b"a", fin=False), Frame(PING, b"1"), Frame(CONTINUATION, b"b", fin=False), Frame(PING, b"2"),
                      Frame(CONTINUATION, b"c")], [(TEXT, b"abc")], pongs=[b"1", b"2"], cut=cut)
        yield fails(f"5.4 a ping in fragments, cut {cut}", [Frame(PING, b"a", fin=False), Frame(CONTINUATION, b"b")], cut=cut)
        yield fails(f"5.4 a pong in fragments, cut {cut}", [Frame(PONG, b"a", fin=False), Frame(CONTINUATION, b"b")], cut=cut)
        yield fails(f"5.4 a close in fragments, cut {cut}", [Frame(CLOSE, b"", fin=False)], cut=cut)
        yield fails(f"5.4 a continuation of nothing, cut {cut}", [Frame(CONTINUATION, b"a"), text(b"b")], cut=cut)
        yield fails(f"5.4 a continuation of nothing that is not the last, cut {cut}", [Frame(CONTINUATION, b"a", fin=False), text(b"b")], cut=cut)
        yield fails(f"5.4 a continuation behind the last fragment, cut {cut}", parts(TEXT, [b"a", b"b"]) + [Frame(CONTINUATION, b"c")], cut=cut)
        yield fails(f"5.4 a text within a text, cut {cut}", [Frame(TEXT, b"a", fin=False), text(b"b")], cut=cut)
        yield fails(f"5.4 a binary within a text, cut {cut}", [Frame(TEXT, b"a", fin=False), Frame(BINARY, b"b", fin=False)], cut=cut)
        yield echoes(f"5.4 two messages in fragments, cut {cut}", parts(TEXT, [b"a", b"b"]) + parts(BINARY, [b"c", b"d"]),
                     [(TEXT, b"ab"), (BINARY, b"cd")], cut=cut)


def good_texts():
    yield "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!".encode()
    yield "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()
    for code in (0x00, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFDD0, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x1FFFE, 0x1FFFF, 0x2FFFE, 0x5FFFF,
                 0x9FFFE, 0xFFFFF, 0x10FFFD, 0x10FFFE, 0x10FFFF):
        yield chr(code).encode()


def bad_texts():
    yield from (b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", bytes(range(0x80, 0xC0)))  # Continuations alone.
    yield from (b"\xc2 ", b"\xdf ", b"\xe1 ", b"\xef\xbf ", b"\xf1 ", b"\xf4\x80\x80 ")  # First bytes alone.
    yield from (b"\xc2", b"\xe1\x80", b"\xe2\x82", b"\xf0\x90\x80", b"\xf4\x8f\xbf", b"a\xf0\x9f\x98")  # Cut short.
    yield from (b"\xfe", b"\xff", b"\xfe\xfe\xff\xff", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80")
    yield from (b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xc0\x80")
    yield from (b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf",
                b"\xed\xa0\x80\xed\xb0\x80")  # Surrogates, and a pair of them.
    yield from (b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf", b"good \xce\xba\xe1\xbd\xb9\xcf\x83 \xed\xa0\x80 edited")


def utf8():
    """8.1: text is UTF-8, whatever the fragments; a text that is not is refused as soon as it shows."""
    def bytewise(payload):
        return [Frame(TEXT if i == 0 else CONTINUATION, payload[i:i + 1], fin=i == len(payload) - 1) for i in range(len(payload))]

    for payload in good_texts():
        yield echoes(f"8.1 the text {payload!r}", [text(payload)], [(TEXT, payload)])
        yield echoes(f"8.1 the text {payload!r}, cut 1", [text(payload)], [(TEXT, payload)], cut=1)
        yield echoes(f"8.1 the text {payload!r} in fragments of a byte", bytewise(payload), [(TEXT, payload)])
    for payload in bad_texts():
        yield fails(f"8.1 the text {payload!r}", [text(payload)], 1007)
        yield fails(f"8.1 the text {payload!r}, cut 1", [text(payload)], 1007, cut=1)
        yield fails(f"8.1 the text {payload!r} in fragments of a byte", bytewise(payload), 1007)
        yield echoes(f"8.1 the same as binary {payload!r}", [Frame(BINARY, payload)], [(BINARY, payload)])
    # As soon as it shows: the message does not end.
    yield fails("8.1 a bad fragment of a text that goes on", [Frame(TEXT, b"good", fin=False), Frame(CONTINUATION, b"\xff", fin=False)], 1007)
    yield fails("8.1 an impossible second byte of a text that goes on", [Frame(TEXT, b"\xf4", fin=False), Frame(CONTINUATION, b"\x90", fin=False)], 1007)
    yield Case("8.1 a bad byte in the middle of a frame that goes on", [Unfinished(text(b"good\xffmore"), 2)], code=1007)


@dataclasses.dataclass
class Unfinished:
    """A frame whose last bytes never come."""
    frame: Frame
    missing: int

    def encode(self, masked):
        return self.frame.encode(masked)[:-self.missing]


@dataclasses.dataclass
class Announced:
    """The head of a frame alone: its first byte, and a length of eight bytes."""
    opcode: int
    size: int

    def encode(self, masked):
        return bytes([0x80 | self.opcode, (0x80 if masked else 0) | 127]) + struct.pack(">Q", self.size)


def closing():
    """5.5.1, 7.1 and 7.4."""
    def answered(name, payload, **more):
        return Case(name, more.pop("before", []) + [Frame(CLOSE, payload)] + more.pop("behind", []),
                    answer=payload, **more)

    yield answered("5.5.1 a close without a code", b"")
    yield answered("5.5.1 a close with a reason", close_payload(1000, b"Hello World!"))
    yield answered("5.5.1 a close with a reason of 123 bytes", close_payload(1000, b"*" * 123))
    yield answered("5.5.1 a close with a reason in UTF-8", close_payload(1000, "\u20ac".encode()))
    yield answered("5.5.1 a close, cut 1", close_payload(1000, b"bye"), cut=1)
    for late in (Frame(CLOSE, close_payload(1001)), Frame(PING, b"late"), text(b"late"), text(b"\xff"), Frame(3, b"late")):
        yield answered(f"5.5.1 a close with opcode {late.opcode} {late.payload!r} behind it", close_payload(1000), behind=[late])
    yield answered("5.5.1 a close behind a message", close_payload(1000, b"bye"), before=[text(b"text")])
    yield answered("5.5.1 a close behind many messages", close_payload(1000), before=[text(b"text")] * 100)
    yield answered("5.5.1 a close behind a big message", close_payload(1000), before=[Frame(BINARY, b"*" * 262144)])
    yield answered("5.5.1 a close within a message", close_payload(1000), before=[Frame(TEXT, b"a", fin=False)])
    yield answered("5.5.1 a close behind a ping", close_payload(1000), before=[Frame(PING, b"p")])
    yield fails("5.5.1 a close of one byte", [Frame(CLOSE, b"\x03")])
    yield fails("5.5 a close of 126 bytes", [Frame(CLOSE, close_payload(1000, b"*" * 124))])
    for reason in (b"\xff", b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80", b"\xe2\x82"):
        yield fails(f"5.5.1 a close with the reason {reason!r}", [Frame(CLOSE, close_payload(1000, reason))], 1007)
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
        yield answered(f"7.4 close code {code}", close_payload(code))
    # The end closes first, as such a message asks it to, and waits for the answer behind whatever else comes.
    for code in (1000, 1001, 1011, 3000, 4999):
        yield fails(f"7.1 the end closes with {code}", [text(b"close %d over" % code)], code)
    for late in ([text(b"late")] * 100, [Frame(PING, b"late")], [Frame(BINARY, b"*" * 262144)], [Frame(TEXT, b"lat", fin=False)]):
        yield fails(f"7.1 the end closes, and {len(late)} of opcode {late[0].opcode} come behind", [text(b"close 4001 over")] + late, 4001)
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32768, 65535):
        yield fails(f"7.4 close code {code}", [Frame(CLOSE, close_payload(code))])
        yield fails(f"7.4 close code {code} with a reason", [Frame(CLOSE, close_payload(code, b"why"))])


def limits(large):
    """10.4: messages of every size, in frames, fragments and pieces of every size; and one that is too big, at its header."""
    sizes = [65536, 262144, 1 << 20, 4 << 20] + ([8 << 20, 16 << 20] if large else [])
    for opcode in (TEXT, BINARY):
        for size in sizes:
            payload = b"*" * size
            yield echoes(f"10.4 opcode {opcode} of {size} bytes", [Frame(opcode, payload)], [(opcode, payload)])
        payload = b"*" * (1 << 20)
        for piece in (256, 1024, 4096, 16384, 65536, 262144):
            pieces = [payload[i:i + piece] for i in range(0, len(payload), piece)]
            frames = [Frame(opcode if i == 0 else CONTINUATION, part, fin=i == len(pieces) - 1) for i, part in enumerate(pieces)]
            yield echoes(f"10.4 opcode {opcode} of a MiB in fragments of {piece}", frames, [(opcode, payload)])
        for cut in (128, 512, 1024, 2048):
            part = b"*" * (1 << 18)
            yield echoes(f"10.4 opcode {opcode} of 256 KiB in pieces of {cut}", [Frame(opcode, part)], [(opcode, part)], cut=cut)
        for size in (0, 16, 64, 256, 1024, 4096):
            yield echoes(f"10.4 a hundred of opcode {opcode} of {size} bytes", [Frame(opcode, b"*" * size)] * 100,
                         [(opcode, b"*" * size)] * 100)
    yield Case("10.4 a message above the limit, at its header", [Announced(BINARY, (16 << 20) + 1)], code=1009)
    yield Case("10.4 a message of 2^62 bytes, at its header", [Announced(BINARY, 1 << 62)], code=1009)
    yield fails("5.2 a length of 2^63 bytes", [Announced(BINARY, 1 << 63)])


def all_cases(large=False):
    for group in (lengths, masking, pings, reserved_bits, opcodes, fragments, utf8, closing):
        yield from group()
    yield from limits(large)
