#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The handler of examples/pusher/listen in Python, on websockets and asyncio: listen_handler.py PUSHER_URL SPEECH_URL

The same eleven tasks a session, the same connections to the pusher and to speech to text, the same intervals, blocks and frames. It
does less than ours: no requests to the stores (so no usage reports, known speakers or photos), no reconnecting, no accounts of what is
lost. Its tasks end as ours do: the receive task first, the others have a drain."""

import asyncio
import json
import resource
import struct
import sys
import time

import websockets

BLOCK = 3200  # 100 ms of 16 kHz PCM.


class Session:
    def __init__(self, socket, pusher_url, speech_url):
        self.socket = socket
        self.pusher_url = pusher_url
        self.speech_url = speech_url
        self.ended = asyncio.Event()
        self.ready = asyncio.Event()
        self.transcripts_ended = asyncio.Event()
        self.speech_queue = asyncio.Queue(300)
        self.speaker_queue = asyncio.Queue(100)
        self.mix = bytearray()
        self.audio = []
        self.audio_at = 0.0
        self.segments = []
        self.pending = {}
        self.photos = []
        self.usage = 0
        self.last_audio = time.monotonic()
        self.pusher = None
        self.speech = None

    async def wait(self, seconds, event=None):
        try:
            await asyncio.wait_for((event or self.ended).wait(), seconds)
            return True
        except asyncio.TimeoutError:
            return False

    async def receive(self):
        try:
            while True:
                message = await asyncio.wait_for(self.socket.recv(), 300)
                if isinstance(message, bytes):
                    self.last_audio = time.monotonic()
                    self.usage += len(message)
                    self.mix += message
                    while len(self.mix) >= BLOCK:
                        self.hand_on(bytes(self.mix[:BLOCK]))
                        del self.mix[:BLOCK]
                else:
                    self.photos.append(json.loads(message))
        except (websockets.ConnectionClosed, asyncio.TimeoutError):
            pass
        finally:
            if self.mix:
                self.hand_on(bytes(self.mix))
            self.ended.set()

    def hand_on(self, block):
        if not self.speech_queue.full():
            self.speech_queue.put_nowait(block)
        self.audio.append(block)

    async def client_heartbeat(self):
        while not await self.wait(10):
            if time.monotonic() - self.last_audio >= 90:
                return
            await self.socket.send("ping")

    async def pusher_heartbeat(self):
        while not await self.wait(20):
            await self.pusher.send(struct.pack("<I", 100))

    async def report_usage(self):
        while not await self.wait(60):
            self.usage = 0

    async def pending_conversations(self):
        while self.pending and not await self.wait(5):
            pass

    async def speaker_identification(self):
        return

    async def speech_audio(self):
        for status in ("initiating", "processing", "stt_initiating"):
            await self.socket.send(json.dumps({"type": "service_status", "status": status}))
        self.speech = await websockets.connect(
            self.speech_url + "/v1/speech?sample_rate=16000&language=en", compression=None, ping_interval=20)
        self.ready.set()
        await self.socket.send(json.dumps({"type": "service_status", "status": "ready"}))
        ending = asyncio.ensure_future(self.ended.wait())
        while not (self.ended.is_set() and self.speech_queue.empty()):
            getting = asyncio.ensure_future(self.speech_queue.get())
            await asyncio.wait({getting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                await self.speech.send(getting.result())
            else:
                getting.cancel()
        await self.speech.send(json.dumps({"type": "finish"}))

    async def transcripts(self):
        try:
            await self.ready.wait()
            while True:
                segments = json.loads(await self.speech.recv())["segments"]
                self.segments.extend(segments)
                if not self.ended.is_set():
                    await self.socket.send(json.dumps({"type": "segments", "segments": segments}))
        except websockets.ConnectionClosed:
            pass
        finally:
            self.transcripts_ended.set()

    async def flush_audio(self):
        if self.audio:
            pcm = b"".join(self.audio)
            self.audio.clear()
            await self.pusher.send(struct.pack("<Id", 101, self.audio_at) + pcm)
            self.audio_at += len(pcm) / 32000

    async def pusher_audio(self):
        await self.pusher.send(struct.pack("<I", 103) + b"conversation")
        while True:
            ended = await self.wait(1)
            await self.flush_audio()
            if ended:
                return

    async def pusher_transcripts(self):
        while True:
            ended = await self.wait(1, self.transcripts_ended)
            if self.segments:
                body = json.dumps({"segments": self.segments, "memory_id": "conversation"}).encode()
                self.segments = []
                await self.pusher.send(struct.pack("<I", 102) + body)
            if ended:
                return

    async def store_photos(self):
        while not await self.wait(1):
            self.photos.clear()

    async def run(self):
        self.pusher = await websockets.connect(
            self.pusher_url + "/v1/trigger/listen?uid=u&sample_rate=16000", compression=None, ping_interval=20)
        receive = asyncio.create_task(self.receive())
        workers = [asyncio.create_task(task) for task in (
            self.client_heartbeat(), self.pusher_heartbeat(), self.report_usage(), self.pending_conversations(),
            self.speaker_identification(), self.speech_audio(), self.transcripts(), self.pusher_audio(),
            self.pusher_transcripts(), self.store_photos())]
        await receive
        done, left = await asyncio.wait(workers, timeout=30)
        for task in left:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await self.pusher.close()
        if self.speech:
            await self.speech.close()


async def main(pusher_url, speech_url):
    async def serve(socket, path=None):
        await Session(socket, pusher_url, speech_url).run()

    async with websockets.serve(serve, "127.0.0.1", 0, compression=None, ping_interval=20, backlog=4096) as server:
        print(f"listening ws://127.0.0.1:{server.sockets[0].getsockname()[1]} health none", flush=True)
        await asyncio.Future()


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
asyncio.run(main(sys.argv[1], sys.argv[2]))
