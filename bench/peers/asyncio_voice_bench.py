# SPDX-License-Identifier: Apache-2.0
"""The traffic of voice_bench.cc on Python's asyncio and its `websockets`, both ends in this process.

    asyncio_voice_bench.py paced FROM TO     sessions of 25 frames a second, 200 more at a time
    asyncio_voice_bench.py flat SESSIONS     each sends as fast as it can

Prints rows as voice_load.h does. Each frame is encoded anew; messages are not compressed.
"""

import asyncio
import base64
import json
import os
import sys
import time

import websockets

STEP = 200
CONNECTS_AT_ONCE = 16
SUSTAINED = 0.99
WARM = 1
WINDOW = 4
INTERVAL = 0.040
PCM = bytes(960)


def encode_frame():
    return '{"type":"input_audio_buffer.append","audio":"' + base64.b64encode(PCM).decode("ascii") + '"}'


class Load:
    def __init__(self, url):
        self.url = url
        self.sent = 0
        self.received = 0
        self.sockets = []
        self.sending = []

    async def open_until(self, sessions, begin=None):
        """Opens sessions until there are `sessions`, and begins each."""
        while len(self.sockets) < sessions:
            more = min(CONNECTS_AT_ONCE, sessions - len(self.sockets))
            opened = await asyncio.gather(
                *(websockets.connect(self.url, compression=None, ping_interval=None) for _ in range(more)))
            self.sockets += opened
            if begin:
                self.begin(begin, opened)

    def begin(self, send, sockets):
        self.sending += [asyncio.create_task(send(socket)) for socket in sockets]

    async def paced(self, socket):
        """The n-th frame goes at start + n x 40 ms."""
        due = time.monotonic()
        while True:
            await socket.send(encode_frame())
            self.sent += 1
            due += INTERVAL
            await asyncio.sleep(max(0, due - time.monotonic()))

    async def flat_out(self, socket):
        """A frame a turn of the loop."""
        while True:
            await socket.send(encode_frame())
            self.sent += 1
            await asyncio.sleep(0)

    async def measure(self, task):
        """Prints the row; returns the lesser of the shares sent and received of the frames that the sessions owed."""
        await asyncio.sleep(WARM)
        sent, received, wall, cpu = self.sent, self.received, time.monotonic(), time.process_time()
        await asyncio.sleep(WINDOW)
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        frames = self.received - received
        share = min(self.sent - sent, frames) / (len(self.sockets) * wall / INTERVAL)
        print(json.dumps({"task": task, "sessions": len(self.sockets), "frames_per_s": round(frames / wall), "share": share,
                          "cpu": cpu / wall, "cpu_us_per_frame": cpu / max(frames, 1) * 1e6}), flush=True)
        return share


async def run(task, numbers):
    load = None

    async def receive(socket):
        async for _ in socket:
            load.received += 1

    server = await websockets.serve(receive, "127.0.0.1", 0, compression=None, ping_interval=None)
    load = Load(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    if task == "paced":
        first, last = numbers
        for sessions in range(first, last + 1, STEP):
            await load.open_until(sessions, load.paced)
            if await load.measure(task) < SUSTAINED:
                break
    else:
        await load.open_until(*numbers)
        load.begin(load.flat_out, load.sockets)
        await load.measure(task)
    sys.stdout.flush()
    os._exit(0)  # What closing thousands of connections takes is not measured.


if __name__ == "__main__":
    if [sys.argv[1:2], len(sys.argv)] not in ([["paced"], 4], [["flat"], 3]):
        sys.exit(__doc__)
    asyncio.run(run(sys.argv[1], [int(number) for number in sys.argv[2:]]))
