# SPDX-License-Identifier: Apache-2.0
"""`soak fake openai`, spoken to by a WebSocket library that is not ours: Python's websockets, which is what the
provider's own Python SDK stands on. fake_openai_test.py SOAK runs the command SOAK, once for ws: and once for wss:."""

import asyncio
import base64
import json
import signal
import ssl
import subprocess
import sys

import websockets

# websockets 14 renamed the argument.
HEADERS = "additional_headers" if int(websockets.__version__.split(".")[0]) >= 14 else "extra_headers"


# For wss:, as strict as Python 3.13 is by itself; None for ws:.
tls = None


def connect(url, key=None):
    return websockets.connect(
        url + "?model=gpt-realtime", **({HEADERS: {"Authorization": "Bearer " + key}} if key else {}),
        **({"ssl": tls} if tls else {}))


async def next_event(socket, kind):
    """The next event of this type; what comes before it is passed over, but for an error."""
    while True:
        event = json.loads(await asyncio.wait_for(socket.recv(), 20))
        if event["type"] == kind:
            return event
        assert event["type"] != "error", event


async def a_session(url):
    async with connect(url, "sk-test") as socket:
        created = await next_event(socket, "session.created")
        assert created["session"]["object"] == "realtime.session", created
        await socket.send(json.dumps({
            "type": "session.update",
            "session": {"type": "realtime", "instructions": "Be brief.",
                        "audio": {"input": {"turn_detection": None}}}}))
        updated = await next_event(socket, "session.updated")
        assert updated["session"]["instructions"] == "Be brief.", updated
        assert updated["session"]["audio"]["input"]["turn_detection"] is None, updated
        for _ in range(10):
            await socket.send(json.dumps({
                "type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(1920)).decode()}))
        await socket.send(json.dumps({"type": "input_audio_buffer.commit"}))
        await next_event(socket, "input_audio_buffer.committed")
        await socket.send(json.dumps({"type": "response.create"}))
        delta = await next_event(socket, "response.output_audio.delta")
        assert len(base64.b64decode(delta["delta"], validate=True)) > 0
        done = await next_event(socket, "response.done")
        assert done["response"]["status"] == "completed", done


async def an_unknown_event(url):
    async with connect(url, "sk-other") as socket:
        await next_event(socket, "session.created")
        await socket.send(json.dumps({"type": "no.such.event", "event_id": "mine"}))
        error = await next_event_or_error(socket)
        assert error["type"] == "error" and error["error"]["event_id"] == "mine", error


async def next_event_or_error(socket):
    return json.loads(await asyncio.wait_for(socket.recv(), 20))


async def without_a_key(url):
    async with connect(url) as socket:
        error = await next_event_or_error(socket)
        assert error["type"] == "error", error
        try:
            await asyncio.wait_for(socket.recv(), 20)
            raise AssertionError("the connection stayed open")
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == 3000, closed


def main(options):
    global tls
    fake = subprocess.Popen([sys.argv[1], "fake", "openai", *options], stdout=subprocess.PIPE, text=True)
    try:
        first_line = fake.stdout.readline()
        scheme = "wss" if options else "ws"
        assert first_line.startswith(f"openai: listening on {scheme}://127.0.0.1:"), first_line
        url = first_line.split()[-1]
        if options:
            tls = ssl.create_default_context(cafile=fake.stdout.readline().split()[-1])
            tls.verify_flags |= ssl.VERIFY_X509_STRICT
        asyncio.run(a_session(url))
        asyncio.run(an_unknown_event(url.replace("127.0.0.1", "localhost")))
        asyncio.run(without_a_key(url))
        fake.send_signal(signal.SIGTERM)
        last_line, _ = fake.communicate(timeout=20)
        assert fake.returncode == 0, fake.returncode
        for total in ("sessions=2 ", "audio_frames=10 ", "audio_bytes=19200 ", "responses=1 ", "auth_failures=1 "):
            assert total in last_line, (total, last_line)
        print(last_line, end="")
    finally:
        fake.kill()


main([])
main(["--tls"])
