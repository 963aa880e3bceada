# SPDX-License-Identifier: Apache-2.0
"""`soak fake gemini`, spoken to by a WebSocket library that is not ours: Python's websockets, which is what the
provider's own Python SDK stands on. The messages are spelt as that SDK spells them. fake_gemini_test.py SOAK runs the
command SOAK."""

import asyncio
import base64
import json
import signal
import subprocess
import sys

import websockets

# websockets 14 renamed the argument.
HEADERS = "additional_headers" if int(websockets.__version__.split(".")[0]) >= 14 else "extra_headers"


def connect(url, key="any"):
    return websockets.connect(url, **({HEADERS: {"x-goog-api-key": key}} if key else {}))


async def next_message(socket):
    frame = await asyncio.wait_for(socket.recv(), 20)
    assert isinstance(frame, bytes), frame
    return json.loads(frame)


async def next_about(socket, *path):
    """The next message that has this place; what comes before it is passed over."""
    while True:
        message = await next_message(socket)
        value = message
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            return message


def setup(**more):
    return json.dumps({"setup": {"model": "models/gemini-live", **more}})


async def a_session(url):
    """Returns the handle to carry it on with."""
    async with connect(url) as socket:
        await socket.send(setup(sessionResumption={}, generationConfig={"responseModalities": ["AUDIO"]}))
        assert await next_message(socket) == {"setupComplete": {}}
        for _ in range(10):
            await socket.send(json.dumps({"realtime_input": {"audio": {
                "mime_type": "audio/pcm;rate=16000", "data": base64.urlsafe_b64encode(b"\xff\xfb" * 640).decode()}}}))
        await socket.send(json.dumps({"realtime_input": {"audio_stream_end": True}}))
        turn = (await next_about(socket, "serverContent", "modelTurn"))["serverContent"]["modelTurn"]
        blob = turn["parts"][0]["inlineData"]
        assert blob["mimeType"] == "audio/pcm;rate=24000", blob["mimeType"]
        assert len(base64.b64decode(blob["data"], validate=True)) > 0
        complete = await next_about(socket, "serverContent", "turnComplete")
        assert complete["usageMetadata"]["totalTokenCount"] > 0, complete
        update = (await next_about(socket, "sessionResumptionUpdate", "newHandle"))["sessionResumptionUpdate"]
        assert update["resumable"], update
        return update["newHandle"]


async def until_it_ends(url, handle):
    async with connect(url) as socket:
        await socket.send(setup(sessionResumption={"handle": handle}))
        assert await next_message(socket) == {"setupComplete": {}}
        go_away = (await next_about(socket, "goAway"))["goAway"]
        assert go_away == {"timeLeft": "1s"}, go_away
        await closed_with(socket, 1011, "Deadline expired before operation could complete.")


async def a_message_that_is_none(url):
    async with connect(url) as socket:
        await socket.send(json.dumps({"setup": {"model": 7}}))
        await closed_with(socket, 1007, "Request contains an invalid argument. Invalid type for 'setup.model'")


async def without_a_key(url):
    async with connect(url, None) as socket:
        await socket.send(setup())
        await closed_with(socket, 1007, "API key not valid. Please pass a valid API key.")


async def closed_with(socket, code, reason):
    try:
        while True:
            await asyncio.wait_for(socket.recv(), 20)
    except websockets.ConnectionClosed as closed:
        assert closed.rcvd.code == code and closed.rcvd.reason.startswith(reason), closed


def main():
    fake = subprocess.Popen([sys.argv[1], "fake", "gemini", "--connection-max-sec", "4", "--go-away-before-sec", "1"],
                            stdout=subprocess.PIPE, text=True)
    try:
        first_line = fake.stdout.readline()
        assert first_line.startswith("gemini: listening on ws://127.0.0.1:"), first_line
        url = first_line.split()[-1]
        handle = asyncio.run(a_session(url))
        asyncio.run(until_it_ends(url, handle))
        asyncio.run(a_message_that_is_none(url))
        asyncio.run(without_a_key(url))
        fake.send_signal(signal.SIGTERM)
        last_line, _ = fake.communicate(timeout=20)
        assert fake.returncode == 0, fake.returncode
        for total in ("sessions=2 ", "resumed=1 ", "refused=2 ", "auth_failures=1 ", "audio_frames=10 ",
                      "audio_bytes=12800 ", "turns=1 ", "go_aways=1 ", "expired=1 "):
            assert total in last_line, (total, last_line)
        print(last_line, end="")
    finally:
        fake.kill()


main()
